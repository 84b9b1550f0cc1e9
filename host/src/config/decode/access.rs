//! The parts of a node as serde asks for them: items, keys and values, variants, places. It holds no policy.

use serde::de::value::{BorrowedStrDeserializer, U32Deserializer};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess};
use serde::de::{VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::super::place::{AT, Spot};
use super::super::tree::{Key, Kind, Node};
use super::View;
use super::fault::{Fault, Position, What};

/// The items of a list, those cut out left out.
pub(super) struct Items<'a> {
    view: View<'a>,
    rest: std::slice::Iter<'a, Node>,
}

impl<'a> Items<'a> {
    /// `items` are those of `view`; of a null there are none.
    pub(super) fn new(view: View<'a>, items: &'a [Node]) -> Self {
        let rest = items.iter();
        Self { view, rest }
    }
}

impl<'a> SeqAccess<'a> for Items<'a> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let cut = self.view.cut;
        match self.rest.find(|node| !cut.contains(&node.id)) {
            Some(node) => seed.deserialize(self.view.below(node, None)).map(Some),
            None => Ok(None),
        }
    }
}

/// The entries of a map, those cut out left out.
pub(super) struct Properties<'a> {
    view: View<'a>,
    rest: std::slice::Iter<'a, (Key, Node)>,
    value: Option<(&'a Key, &'a Node)>,
}

impl<'a> Properties<'a> {
    /// `entries` are those of `view`; of a null there are none.
    pub(super) fn new(view: View<'a>, entries: &'a [(Key, Node)]) -> Self {
        Self { view, rest: entries.iter(), value: None }
    }
}

impl<'a> MapAccess<'a> for Properties<'a> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let cut = self.view.cut;
        let Some((key, node)) = self.rest.find(|(_, node)| !cut.contains(&node.id)) else {
            return Ok(None);
        };
        self.value = Some((key, node));
        let key = seed.deserialize(KeyView(key));
        key.map(Some).map_err(|fault| fault.at(Position::Key(node.id)))
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, node) = self.value.take().ok_or_else(|| Fault::custom("a value without a key"))?;
        seed.deserialize(self.view.below(node, Some(key)))
    }
}

/// A key: always a text.
struct KeyView<'a>(&'a Key);

impl<'a> Deserializer<'a> for KeyView<'a> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(&self.0.text)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        match name {
            AT => visitor.visit_seq(PlacedParts { value: Placed::Key(self.0), spot: self.0.spot, next: 0 }),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// What [`At`](super::super::place::At) asks for: file, line, column, value.
pub(super) struct PlacedParts<'a> {
    value: Placed<'a>,
    spot: Spot,
    next: u8,
}

enum Placed<'a> {
    Key(&'a Key),
    Value(View<'a>),
}

impl<'a> PlacedParts<'a> {
    /// Of a value, with the place to show it at: its key for a null, map or list, else where it stands itself.
    pub(super) fn of(view: View<'a>) -> Self {
        Self { spot: view.node.shown(view.key), value: Placed::Value(view), next: 0 }
    }
}

impl<'a> SeqAccess<'a> for PlacedParts<'a> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let number = match self.next {
            0 => self.spot.file,
            1 => self.spot.line,
            2 => self.spot.column,
            _ => {
                return match &self.value {
                    Placed::Key(key) => seed.deserialize(BorrowedStrDeserializer::new(&key.text)).map(Some),
                    Placed::Value(view) => seed.deserialize(*view).map(Some),
                };
            }
        };
        self.next += 1;
        let number: U32Deserializer<Fault> = number.into_deserializer();
        seed.deserialize(number).map(Some)
    }
}

/// What [`Any`](super::super::place::Any) asks for: file, number of the node.
pub(super) struct AnyParts(std::array::IntoIter<u32, 2>);

impl AnyParts {
    /// Of a value that is left undecoded, to be looked up by its number.
    pub(super) fn of(node: &Node) -> Self {
        Self([node.spot.file, node.id].into_iter())
    }
}

impl<'a> SeqAccess<'a> for AnyParts {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(number) = self.0.next() else {
            return Ok(None);
        };
        let number: U32Deserializer<Fault> = number.into_deserializer();
        seed.deserialize(number).map(Some)
    }
}

/// One choice of several: a word alone, or a map of one key whose value says more.
pub(super) struct Variant<'a> {
    word: &'a str,
    /// The key's position, so that an unknown one is shown there.
    key: Option<Position>,
    content: Option<View<'a>>,
    alone: View<'a>,
}

impl<'a> Variant<'a> {
    /// The choice that is written. Anything but a text or a map of one key is refused; whether the word is one of
    /// `variants` is for serde to say.
    pub(super) fn of(view: View<'a>, variants: &'static [&'static str]) -> Result<Self, Fault> {
        match &view.node.kind {
            Kind::Text(word) => Ok(Self { word, key: None, content: None, alone: view }),
            Kind::Map(entries) if entries.len() == 1 => {
                let (key, node) = &entries[0];
                if view.cut.contains(&node.id) {
                    // Told already; the whole goes the same way, silently.
                    return Err(What::Missing { name: "", cut_before: true }.into());
                }
                Ok(Self { word: &key.text, key: Some(Position::Key(node.id)), content: Some(view.below(node, Some(key))), alone: view })
            }
            _ => Err(Fault::custom(format_args!(
                "expected one of {}, found {}",
                variants.join(", "),
                match &view.node.kind {
                    Kind::Map(_) => "a map that does not have exactly one key",
                    _ => view.node.what(),
                }
            ))),
        }
    }
}

impl<'a> EnumAccess<'a> for Variant<'a> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let word: BorrowedStrDeserializer<'a, Fault> = BorrowedStrDeserializer::new(self.word);
        match seed.deserialize(word) {
            Ok(chosen) => Ok((chosen, self)),
            Err(fault) => match (self.key, fault.what) {
                (Some(key), What::UnknownWord { name, valid }) => Err(Fault::from(What::UnknownKey { name, valid }).at(key)),
                (_, what) => Err(what.into()),
            },
        }
    }
}

impl<'a> VariantAccess<'a> for Variant<'a> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            Some(content) if !matches!(content.node.kind, Kind::Null) => {
                Err(Fault::custom(format_args!("\"{}\" stands alone, without a value", self.word)))
            }
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Fault> {
        match self.content {
            Some(content) => seed.deserialize(content),
            // A word alone: a variant whose content is an option takes it, any other asks for its content.
            None => seed.deserialize(Absent { word: self.word }).map_err(|f| self.alone.place(f)),
        }
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        match self.content {
            Some(content) => content.deserialize_seq(visitor),
            None => Absent { word: self.word }.deserialize_any(visitor),
        }
    }

    fn struct_variant<V: Visitor<'a>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        match self.content {
            Some(content) => content.deserialize_map(visitor).map_err(|f| content.place(f)),
            None => Absent { word: self.word }.deserialize_any(visitor),
        }
    }
}

/// The content that a word alone does not have.
struct Absent<'a> {
    word: &'a str,
}

impl<'a> Deserializer<'a> for Absent<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'a>>(self, _: V) -> Result<V::Value, Fault> {
        Err(Fault::custom(format_args!("\"{}\" needs a value: write {{ {}: … }}", self.word, self.word)))
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
