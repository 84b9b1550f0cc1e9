//! Words that a dictionary chooses from unless its settings bring their own. It must not change: another list, or
//! another order, gives every value another word.

/// Given names.
pub const FIRST_NAMES: [&str; 64] = [
    "Ada", "Aiko", "Alba", "Amir", "Anika", "Anton", "Ayla", "Bela", "Bruno", "Carla", "Chen", "Clara", "Dalia", "Dario", "Diya", "Elena",
    "Elias", "Emil", "Esra", "Farah", "Femi", "Finn", "Freya", "Gita", "Goran", "Hana", "Hugo", "Ilse", "Imani", "Ines", "Ivan", "Jamal",
    "Jana", "Jonas", "Kaito", "Katya", "Kofi", "Lars", "Leila", "Lin", "Luca", "Maja", "Malik", "Mateo", "Mina", "Nadia", "Niko", "Noor",
    "Olga", "Omar", "Paula", "Petra", "Rafael", "Rosa", "Sami", "Sofia", "Tariq", "Tess", "Uma", "Vera", "Viktor", "Yara", "Yusuf", "Zoe",
];

/// Family names.
pub const LAST_NAMES: [&str; 64] = [
    "Abe", "Adler", "Almeida", "Andersen", "Baker", "Banerjee", "Bauer", "Becker", "Bianchi", "Blanc", "Castro", "Chen", "Costa", "Cruz",
    "Diaz", "Dubois", "Eriksen", "Evans", "Farkas", "Ferrari", "Fischer", "Fontana", "Garcia", "Gruber", "Haas", "Hansen", "Horvat", "Ito",
    "Ivanov", "Jansen", "Jensen", "Kaya", "Khan", "Kim", "Klein", "Kovacs", "Kumar", "Lang", "Larsen", "Lehmann", "Lopez", "Mancini",
    "Mehta", "Mensah", "Moreau", "Nakamura", "Nguyen", "Novak", "Okafor", "Olsen", "Park", "Patel", "Petit", "Popov", "Ramos", "Rossi",
    "Santos", "Sato", "Silva", "Stein", "Tanaka", "Vogel", "Weber", "Yilmaz",
];

/// Cities.
pub const CITIES: [&str; 64] = [
    "Accra",
    "Amsterdam",
    "Ankara",
    "Athens",
    "Auckland",
    "Bangkok",
    "Barcelona",
    "Bergen",
    "Berlin",
    "Bogota",
    "Bologna",
    "Boston",
    "Brisbane",
    "Brussels",
    "Bucharest",
    "Budapest",
    "Cairo",
    "Calgary",
    "Casablanca",
    "Chicago",
    "Copenhagen",
    "Dakar",
    "Denver",
    "Dublin",
    "Edinburgh",
    "Frankfurt",
    "Geneva",
    "Glasgow",
    "Graz",
    "Hamburg",
    "Hanoi",
    "Helsinki",
    "Istanbul",
    "Jakarta",
    "Kyoto",
    "Lagos",
    "Leipzig",
    "Lima",
    "Lisbon",
    "Lyon",
    "Madrid",
    "Manila",
    "Melbourne",
    "Milan",
    "Montreal",
    "Mumbai",
    "Munich",
    "Nairobi",
    "Naples",
    "Osaka",
    "Oslo",
    "Ottawa",
    "Porto",
    "Prague",
    "Quito",
    "Riga",
    "Rotterdam",
    "Santiago",
    "Seville",
    "Sofia",
    "Toronto",
    "Valencia",
    "Vienna",
    "Zurich",
];

/// Companies that do not exist.
pub const COMPANIES: [&str; 64] = [
    "Alder & Sons",
    "Amber Freight",
    "Arbor Foods",
    "Ashdown Tools",
    "Aster Textiles",
    "Beacon Print",
    "Birch Logistics",
    "Blue Harbour",
    "Bramble Books",
    "Bridgeford",
    "Cedar Optics",
    "Cinder Works",
    "Clearbrook",
    "Cobalt Paper",
    "Copperfield",
    "Crane & Co",
    "Dapple Farms",
    "Driftwood",
    "Eastgate Glass",
    "Elm Street Foods",
    "Ember Heating",
    "Fallow Seeds",
    "Fernhill",
    "Flint Masonry",
    "Foxglove",
    "Gable Roofs",
    "Granite Bay",
    "Greenway",
    "Hazel Press",
    "Heron Marine",
    "Highfield",
    "Indigo Dyes",
    "Ivory Keys",
    "Juniper",
    "Kestrel Air",
    "Lakeside",
    "Larch Timber",
    "Linden Soap",
    "Maple Yard",
    "Marble Arch",
    "Meadowlark",
    "Millstone",
    "North Quay",
    "Oakleaf",
    "Old Mill",
    "Orchard Lane",
    "Osprey",
    "Pebble Beach",
    "Pinecrest",
    "Quarry Hill",
    "Redwood",
    "Ridgeway",
    "Rowan Foods",
    "Saltmarsh",
    "Silverbirch",
    "Slate & Tile",
    "Stonebridge",
    "Sundial",
    "Thistle",
    "Underwood",
    "Velvet Lane",
    "Willow Works",
    "Windmill",
    "Yew Tree",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A change here changes what is already on the target.
    #[test]
    fn lists_are_what_they_were() {
        for (list, first, last) in [
            (FIRST_NAMES, "Ada", "Zoe"),
            (LAST_NAMES, "Abe", "Yilmaz"),
            (CITIES, "Accra", "Zurich"),
            (COMPANIES, "Alder & Sons", "Yew Tree"),
        ] {
            assert_eq!(list.iter().collect::<BTreeSet<_>>().len(), list.len());
            assert!(list.is_sorted() && list.first() == Some(&first) && list.last() == Some(&last));
        }
    }
}
