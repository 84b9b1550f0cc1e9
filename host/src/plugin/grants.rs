//! What a step can be shown and what it can do, as two small sets with the contract's names.
//! It must not decide what is granted: the configuration does, within what the plugin asks for.

use super::bindings::sluice::plugin::types as wit;

/// What a step is shown beside its fields.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sees {
    /// Keys, as bytes.
    pub key: bool,
    /// Values, as bytes.
    pub value: bool,
    /// Headers.
    pub headers: bool,
    /// Timestamps.
    pub timestamp: bool,
    /// Source offsets.
    pub offset: bool,
    /// Lengths of keys and values, and which are null.
    pub sizes: bool,
}

/// What a step can do to records.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Effects {
    /// Change or remove granted fields; every value must be answered.
    pub edit_fields: bool,
    /// Change keys.
    pub edit_key: bool,
    /// Change whole values.
    pub edit_value: bool,
    /// Replace headers.
    pub edit_headers: bool,
    /// Change timestamps.
    pub edit_timestamp: bool,
    /// Drop records.
    pub drop: bool,
    /// Reject records.
    pub reject: bool,
    /// Send records to another topic.
    pub route: bool,
    /// Add records.
    pub emit: bool,
}

impl Sees {
    /// Each member by its name in the contract.
    pub fn named(self) -> [(&'static str, bool); 6] {
        [
            ("key", self.key),
            ("value", self.value),
            ("headers", self.headers),
            ("timestamp", self.timestamp),
            ("offset", self.offset),
            ("sizes", self.sizes),
        ]
    }

    /// The names that are here and not in `asked`.
    pub fn beyond(self, asked: Sees) -> Vec<&'static str> {
        beyond(&self.named(), &asked.named())
    }
}

impl Effects {
    /// All effects.
    pub const ALL: Effects = Effects {
        edit_fields: true,
        edit_key: true,
        edit_value: true,
        edit_headers: true,
        edit_timestamp: true,
        drop: true,
        reject: true,
        route: true,
        emit: true,
    };

    /// Each member by its name in the contract.
    pub fn named(self) -> [(&'static str, bool); 9] {
        [
            ("edit-fields", self.edit_fields),
            ("edit-key", self.edit_key),
            ("edit-value", self.edit_value),
            ("edit-headers", self.edit_headers),
            ("edit-timestamp", self.edit_timestamp),
            ("drop", self.drop),
            ("reject", self.reject),
            ("route", self.route),
            ("emit", self.emit),
        ]
    }

    /// Takes away what `keep` does not want, by its name in the contract. Not `edit-fields`: who has it must answer every
    /// value, which nobody is to lose by a setting.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        for (name, effect) in [
            ("edit-key", &mut self.edit_key),
            ("edit-value", &mut self.edit_value),
            ("edit-headers", &mut self.edit_headers),
            ("edit-timestamp", &mut self.edit_timestamp),
            ("drop", &mut self.drop),
            ("reject", &mut self.reject),
            ("route", &mut self.route),
            ("emit", &mut self.emit),
        ] {
            *effect &= keep(name);
        }
    }

    /// The names that are here and not in `asked`.
    pub fn beyond(self, asked: Effects) -> Vec<&'static str> {
        beyond(&self.named(), &asked.named())
    }
}

fn beyond(granted: &[(&'static str, bool)], asked: &[(&'static str, bool)]) -> Vec<&'static str> {
    let pairs = granted.iter().zip(asked);
    pairs.filter(|(g, a)| g.1 && !a.1).map(|(g, _)| g.0).collect()
}

impl From<wit::Sees> for Sees {
    fn from(from: wit::Sees) -> Self {
        let has = |flag| from & flag == flag;
        Sees {
            key: has(wit::Sees::KEY),
            value: has(wit::Sees::VALUE),
            headers: has(wit::Sees::HEADERS),
            timestamp: has(wit::Sees::TIMESTAMP),
            offset: has(wit::Sees::OFFSET),
            sizes: has(wit::Sees::SIZES),
        }
    }
}

impl From<Sees> for wit::Sees {
    fn from(from: Sees) -> Self {
        let all = [
            (from.key, wit::Sees::KEY),
            (from.value, wit::Sees::VALUE),
            (from.headers, wit::Sees::HEADERS),
            (from.timestamp, wit::Sees::TIMESTAMP),
            (from.offset, wit::Sees::OFFSET),
            (from.sizes, wit::Sees::SIZES),
        ];
        let flags = all.into_iter().filter(|(has, _)| *has);
        flags.fold(wit::Sees::empty(), |sum, (_, flag)| sum | flag)
    }
}

impl From<wit::Effects> for Effects {
    fn from(from: wit::Effects) -> Self {
        let has = |flag| from & flag == flag;
        Effects {
            edit_fields: has(wit::Effects::EDIT_FIELDS),
            edit_key: has(wit::Effects::EDIT_KEY),
            edit_value: has(wit::Effects::EDIT_VALUE),
            edit_headers: has(wit::Effects::EDIT_HEADERS),
            edit_timestamp: has(wit::Effects::EDIT_TIMESTAMP),
            drop: has(wit::Effects::DROP),
            reject: has(wit::Effects::REJECT),
            route: has(wit::Effects::ROUTE),
            emit: has(wit::Effects::EMIT),
        }
    }
}

impl From<Effects> for wit::Effects {
    fn from(from: Effects) -> Self {
        let all = [
            (from.edit_fields, wit::Effects::EDIT_FIELDS),
            (from.edit_key, wit::Effects::EDIT_KEY),
            (from.edit_value, wit::Effects::EDIT_VALUE),
            (from.edit_headers, wit::Effects::EDIT_HEADERS),
            (from.edit_timestamp, wit::Effects::EDIT_TIMESTAMP),
            (from.drop, wit::Effects::DROP),
            (from.reject, wit::Effects::REJECT),
            (from.route, wit::Effects::ROUTE),
            (from.emit, wit::Effects::EMIT),
        ];
        let flags = all.into_iter().filter(|(has, _)| *has);
        flags.fold(wit::Effects::empty(), |sum, (_, flag)| sum | flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_crosses_both_ways() {
        let effects = |i: usize| Effects {
            edit_fields: i == 0,
            edit_key: i == 1,
            edit_value: i == 2,
            edit_headers: i == 3,
            edit_timestamp: i == 4,
            drop: i == 5,
            reject: i == 6,
            route: i == 7,
            emit: i == 8,
        };
        for i in 0..9 {
            let (one, name) = (effects(i), Effects::ALL.named()[i].0);
            assert_eq!(Effects::from(wit::Effects::from(one)), one, "{name}");
            assert_eq!(one.beyond(Effects::default()), [name]);
            assert_eq!(Effects::ALL.beyond(one).len(), 8);
        }
        let sees = |i: usize| Sees { key: i == 0, value: i == 1, headers: i == 2, timestamp: i == 3, offset: i == 4, sizes: i == 5 };
        for i in 0..6 {
            let one = sees(i);
            assert_eq!(Sees::from(wit::Sees::from(one)), one, "{i}");
            assert_eq!(one.beyond(Sees::default()), [one.named()[i].0]);
        }
    }
}
