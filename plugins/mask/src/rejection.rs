//! Why a record is rejected: a closed list. It must not carry anything of a value.

/// A reason, in the order of the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Rejection {
    /// Neither RFC 3339 text nor epoch milliseconds; or a date that has no such part, or that leaves its range.
    NotADate,
    /// A value of a kind that no operator that depends on values understands.
    NotAScalar,
    /// The host does not work under the key, though it did when the step began.
    KeyUnavailable,
    /// Neither a number nor text that is one.
    NotANumber,
    /// A number of more digits than are reckoned with.
    NumberOutOfRange,
    /// Neither an integer nor text that is one.
    NotAnInteger,
    /// Neither degrees nor text of one or two of them.
    NotACoordinate,
    /// The record has no subject, or several.
    NoSubject,
    /// A character that is neither in the alphabet nor kept.
    NotInAlphabet,
    /// So short that fewer than a million values look like it.
    DomainTooSmall,
    /// Longer than is encrypted in place.
    TooLong,
    /// Text that is not one JSON object or array.
    NotJson,
    /// Two members of one object would have the same name.
    NamesCollide,
}

/// Their names, in the order of their codes.
pub const REJECTIONS: [&str; 13] = [
    "not_a_date",
    "not_a_scalar",
    "key_unavailable",
    "not_a_number",
    "number_out_of_range",
    "not_an_integer",
    "not_a_coordinate",
    "no_subject",
    "not_in_alphabet",
    "domain_too_small",
    "too_long",
    "not_json",
    "names_collide",
];

impl Rejection {
    /// The index into [`REJECTIONS`].
    pub fn code(self) -> u32 {
        self as u32
    }
}

impl From<Rejection> for sluice_plugin::Rejected {
    fn from(rejection: Rejection) -> Self {
        Self(rejection.code())
    }
}

impl From<sluice_plugin::host::Failure> for Rejection {
    /// A key that is gone, or an answer of the host that does not fit the question, which it does not give.
    fn from(_: sluice_plugin::host::Failure) -> Self {
        Self::KeyUnavailable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_name() {
        assert_eq!(REJECTIONS[Rejection::NotADate.code() as usize], "not_a_date");
        assert_eq!(REJECTIONS[Rejection::NoSubject.code() as usize], "no_subject");
        assert_eq!(Rejection::NamesCollide.code() as usize, REJECTIONS.len() - 1);
    }
}
