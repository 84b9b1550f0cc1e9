//! What a schema says of the places that a selection names or misses, in words and kinds: for `explain`, for the check
//! of types when a plan is made, and for noticing that a schema has drifted. The same for every format with a schema;
//! knows none of them.

use super::hit::Kind;

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// The kinds in the list.
    #[must_use]
    pub fn of(kinds: &[Kind]) -> Self {
        Self(kinds.iter().fold(0, |set, &kind| set | 1 << kind as u8))
    }

    /// Whether the kind is in it.
    #[must_use]
    pub fn contains(self, kind: Kind) -> bool {
        self.0 >> kind as u8 & 1 == 1
    }

    /// What is in one or the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A place of a schema where a single value stands, and what the selection makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// As a selector would write it; `[*]` for the elements and entries that no selector tells apart.
    pub path: String,
    /// The type in words: `null or string`, `long (timestamp-millis)`. For a container that is not gone into again, since
    /// it lies in itself or a field takes it whole, its own.
    pub type_name: String,
    /// The field that gets the value.
    pub field: Option<u32>,
    /// It stays: a field or `keep` names it, or there is no allow list.
    pub listed: bool,
}

/// A place of a schema that a field names, and what may be set there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As in a [`Leaf`].
    pub path: String,
    /// As in a [`Leaf`].
    pub type_name: String,
    /// Null may be set.
    pub nullable: bool,
    /// Removing the value is possible: it is an element or entry, or becomes null.
    pub removable: bool,
    /// Kinds of which some value may be set.
    pub kinds: Kinds,
    /// Any text may be set, not only one of a form: a symbol, a date, a uuid.
    pub any_text: bool,
    /// The text of a UUID may be set.
    pub uuid: bool,
    /// Bytes that are set must be as many as the type says.
    pub sized: bool,
    /// Values of several types may stand there, null aside: a number, say, and the text of its digits.
    pub several: bool,
}

/// What stands for the path of a map in a schema of more places than are listed.
pub(super) const UNLISTED_MAP: &str = "$..[*]";

/// Appends a name as a step of a path: `.name`, or `['na-me']` where the short form has no such names.
pub(super) fn push_name(path: &mut String, name: &str) {
    let letter = |char: char| char.is_ascii_alphabetic() || char == '_' || !char.is_ascii();
    if name.starts_with(letter) && name.chars().all(|char| letter(char) || char.is_ascii_digit()) {
        path.push('.');
        path.push_str(name);
    } else {
        super::selector::push_quoted(path, name);
    }
}
