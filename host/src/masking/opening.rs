//! Opens what the operators `tokenize`, `encrypt` and `fpe` made, for those who may, and leaves a trace of it. It must
//! not tell a value, or what it was made of, to a log.

use tracing::info;

use super::integer::peers;
use super::token::Token;
use crate::plugin::KeyRing;
use crate::plugin::keys::{OpenError, Opener, Secret};

/// Digits, which integers are made of.
const DIGITS: &str = "0123456789";
/// How often an integer is opened until it is one of the same width, as often as `fpe` may have sealed it.
const MOST_WALKS: usize = 10_000;

/// How a value was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// By `tokenize` or `encrypt`: it says so, and which key opens it.
    Token,
    /// By `fpe`, as text.
    Text {
        /// The letters, in the order of their figures.
        alphabet: String,
        /// What stayed in place.
        keep: String,
    },
    /// By `fpe`, as an integer.
    Integer,
}

/// Why a value was not opened. No byte of it is in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// It has not the form.
    #[error("it is no token of tokenize or encrypt; what fpe made needs --alphabet or --integer")]
    NoToken,
    /// Another key's.
    #[error("it was made under another key than this one and those that it replaced")]
    OtherKey,
    /// A character that neither the alphabet nor `keep` has.
    #[error("it has a character that is neither in the alphabet nor kept")]
    NotInAlphabet,
    /// It is no integer of up to 64 bits.
    #[error("it is no integer of up to 64 bits")]
    NoInteger,
    /// The key does not open it.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Opens values of one key and domain.
pub struct Opening<'r> {
    opener: Opener<'r>,
    /// The current key's id first.
    ids: Vec<String>,
    domain: String,
    form: Form,
}

impl<'r> Opening<'r> {
    /// With the key of that name and those that it replaced; none where there is no such key.
    pub fn new(ring: &'r KeyRing, key: &str, domain: &str, form: Form) -> Option<Self> {
        let ids: Vec<String> = ring.versions(key).map(Secret::id).collect();
        let opening = Self { opener: Opener::new(ring), ids, domain: domain.to_owned(), form };
        (!opening.ids.is_empty()).then_some(opening)
    }

    /// The ids of the key and of those that it replaced.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// What `fpe` made does not say which key it was made under: from now on it is taken for that one's. False where the
    /// key has no such id.
    pub fn take_for(&mut self, id: &str) -> bool {
        let found = self.ids.iter().position(|own| own == id);
        if let Some(at) = found {
            self.ids.swap(0, at);
        }
        found.is_some()
    }

    /// The value that `masked` stands for.
    pub fn open(&mut self, masked: &str) -> Result<Vec<u8>, NotOpened> {
        match self.form.clone() {
            Form::Token => self.token(masked),
            Form::Text { alphabet, keep } => self.text(masked, &alphabet, &keep),
            Form::Integer => self.integer(masked),
        }
    }

    fn token(&mut self, masked: &str) -> Result<Vec<u8>, NotOpened> {
        let Token { key_id, sealed } = Token::parse(masked).ok_or(NotOpened::NoToken)?;
        if !self.ids.iter().any(|id| id == key_id) {
            return Err(NotOpened::OtherKey);
        }
        // Both say whether they are authentic, so that trying costs no more than time.
        match self.opener.open(key_id, &self.domain, &sealed) {
            Err(OpenError::NotSealed) => Ok(self.opener.decrypt(key_id, &self.domain, &sealed)?),
            opened => Ok(opened?),
        }
    }

    fn text(&mut self, masked: &str, alphabet: &str, keep: &str) -> Result<Vec<u8>, NotOpened> {
        if masked.chars().any(|letter| !alphabet.contains(letter) && !keep.contains(letter)) {
            return Err(NotOpened::NotInAlphabet);
        }
        let letters: String = masked.chars().filter(|letter| alphabet.contains(*letter)).collect();
        let opened = self.letters(alphabet, &letters)?;
        let mut opened = opened.chars();
        let put_back = |letter| if alphabet.contains(letter) { opened.next() } else { Some(letter) };
        let whole: Option<String> = masked.chars().map(put_back).collect();
        Ok(whole.ok_or(OpenError::NotSealed)?.into_bytes())
    }

    fn letters(&mut self, alphabet: &str, letters: &str) -> Result<String, NotOpened> {
        let id = self.ids.first().ok_or(NotOpened::OtherKey)?;
        let opened = self.opener.fpe_open(id, &self.domain, alphabet, letters.as_bytes())?;
        Ok(String::from_utf8(opened).map_err(|_| OpenError::NotSealed)?)
    }

    /// What was walked forward until it was an integer of the same width is walked back until it is one.
    fn integer(&mut self, masked: &str) -> Result<Vec<u8>, NotOpened> {
        let (sign, digits) = masked.strip_prefix('-').map_or(("", masked), |digits| ("-", digits));
        let peers = peers(!sign.is_empty(), digits).ok_or(NotOpened::NoInteger)?;
        let mut digits = digits.to_owned();
        for _ in 0..MOST_WALKS {
            digits = self.letters(DIGITS, &digits)?;
            if digits.parse().is_ok_and(|magnitude: u64| peers.contains(&magnitude)) {
                return Ok(format!("{sign}{digits}").into_bytes());
            }
        }
        Err(NotOpened::Open(OpenError::NotSealed))
    }
}

/// Leaves a trace: who opened how many values of which key. Name and fields of the event are stable, and no level of
/// logging leaves it out.
pub fn audit(key: &str, ids: &[String], domain: &str, opened: usize, refused: usize) {
    let user = std::env::var("USER").unwrap_or_default();
    let uid = rustix::process::getuid().as_raw();
    let key_ids = ids.join(",");
    info!(target: "audit", event = "audit.unmask", key, key_ids, domain, opened, refused, uid, user, "masked values were opened");
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::trial::{Scalar, Trial, Tried};
    use super::*;
    use crate::plugin::{Limits, embedded, guest};

    fn ring() -> KeyRing {
        let mut ring = KeyRing::new();
        ring.add("pii", vec![7; 32]).unwrap();
        ring.add("other", vec![8; 32]).unwrap();
        ring
    }

    /// What the component makes of the values comes back.
    #[test]
    fn there_and_back() {
        let plugin = guest::load(embedded::component("mask").unwrap().to_vec(), &Limits::default()).unwrap();
        let keys = Arc::new(ring());
        let text = |alphabet: &str, keep: &str| Form::Text { alphabet: alphabet.into(), keep: keep.into() };
        for (settings, form, values) in [
            (
                json!({ "use": "tokenize", "key": "pii", "domain": "d", "prefix": "t." }),
                Form::Token,
                &["ana@example.org", "", "17", "Núñez"][..],
            ),
            (json!({ "use": "encrypt", "key": "pii", "domain": "d" }), Form::Token, &["ana@example.org", "", "17"]),
            (
                json!({ "use": "fpe", "key": "pii", "domain": "d", "alphabet": "digits", "keep": "- " }),
                text(DIGITS, "- "),
                &["4111-1111 1111", "0000-000"],
            ),
            (
                json!({ "use": "fpe", "key": "pii", "domain": "d", "alphabet": "custom", "characters": "αβγδεζηθ" }),
                text("αβγδεζηθ", ""),
                &["αβγδεζηθ"],
            ),
            (
                json!({ "use": "fpe", "key": "pii", "domain": "d", "alphabet": "digits" }),
                Form::Integer,
                &["1234567", "-1234567", "1000000000", "2147483648", "-2147483648", "9223372036854775807", "18446744073709551615"],
            ),
        ] {
            let mut opening = Opening::new(&keys, "pii", "d", form).unwrap();
            let serde_json::Value::Object(settings) = settings else { unreachable!("settings are an object") };
            for value in values {
                let trial = Trial { settings: settings.clone(), subject: None, value: Scalar::read(value) };
                let Tried::Set(masked) = trial.run_in(&plugin, keys.clone()).unwrap() else { unreachable!("{value} is masked") };
                let masked = String::from_utf8(masked.bytes).unwrap();
                assert_ne!(masked, *value);
                assert_eq!(String::from_utf8(opening.open(&masked).unwrap()).unwrap(), *value, "{masked}");
            }
        }
    }

    #[test]
    fn what_does_not_open_says_why() {
        let ring = ring();
        let (own, other) = (ring.key_id("pii").unwrap(), ring.key_id("other").unwrap());
        let text = || Form::Text { alphabet: DIGITS.into(), keep: " ".into() };
        for (form, masked, expected) in [
            (Form::Token, "1234567".to_owned(), NotOpened::NoToken),
            (Form::Token, format!("{other}.QUJD"), NotOpened::OtherKey),
            (Form::Token, format!("{own}.QUJD"), NotOpened::Open(OpenError::NotSealed)),
            (text(), "1234-567".to_owned(), NotOpened::NotInAlphabet),
            (text(), "12 34".to_owned(), NotOpened::Open(OpenError::NotSealed)),
            (Form::Integer, "1.5".to_owned(), NotOpened::NoInteger),
            (Form::Integer, "12".to_owned(), NotOpened::Open(OpenError::NotSealed)),
        ] {
            assert_eq!(Opening::new(&ring, "pii", "d", form).unwrap().open(&masked), Err(expected), "{masked}");
        }
        assert!(Opening::new(&ring, "none", "d", Form::Token).is_none());
        let mut opening = Opening::new(&ring, "pii", "d", Form::Integer).unwrap();
        assert!(opening.take_for(&own) && !opening.take_for(&other));
    }
}
