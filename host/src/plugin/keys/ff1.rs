//! Format-preserving encryption: text of the same length over the same alphabet. It must not work where so few values
//! are possible that they can be tried one by one.

mod short;

use std::collections::HashMap;

use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString};

use super::open::OpenError;
use super::{Refusal, Secret};
use short::Short;

/// Fewest values that one is hidden among (NIST SP 800-38G r1).
pub const LEAST_DOMAIN: u64 = 1_000_000;
/// Most characters of a value: the cipher's time grows with their square, and no deadline interrupts it.
pub const MOST_CHARACTERS: usize = 256;
/// Most characters of an alphabet, FF1's own bound.
const MOST_LETTERS: usize = 1 << 16;

/// FF1 (NIST SP 800-38G) with AES-256 and an empty tweak, over one alphabet.
pub struct Ff1 {
    cipher: FF1<Aes256>,
    alphabet: Alphabet,
}

impl Ff1 {
    /// Under the key derived by HKDF-SHA-256 with the info `sluice/ff1/<domain>`. `alphabet` is 2 to 65536 different
    /// characters, the first one the figure 0.
    pub fn derive(secret: Secret<'_>, domain: &str, alphabet: &str) -> Result<Self, Refusal> {
        Ff1::of_key(&secret.derive(&["sluice/ff1/", domain]), alphabet)
    }

    fn of_key(key: &[u8; 32], alphabet: &str) -> Result<Self, Refusal> {
        let alphabet = Alphabet::of(alphabet)?;
        let cipher = FF1::new(key, alphabet.radix()).map_err(|_| Refusal::Malformed)?;
        Ok(Ff1 { cipher, alphabet })
    }

    /// Appends the text that stands for `value`.
    pub fn seal(&self, value: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        self.seal_with(&[], value, out)
    }

    /// The same with a tweak, which no value has, and published samples have.
    fn seal_with(&self, tweak: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        let figures = self.figures(value)?;
        let sealed = match Short::of(figures, self.alphabet.radix()) {
            Ok(short) => self.cipher.encrypt(tweak, &short).map(Short::into_figures),
            Err(figures) => self.cipher.encrypt(tweak, &FlexibleNumeralString::from(figures)).map(Vec::from),
        };
        self.alphabet.write(&sealed.map_err(|_| Refusal::DomainTooSmall)?, out);
        Ok(())
    }

    /// The text that `sealed` stands for. Nothing in it says whether it was sealed at all: any text opens to something.
    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let figures = self.figures(sealed).map_err(|_| OpenError::NotSealed)?;
        let value = match Short::of(figures, self.alphabet.radix()) {
            Ok(short) => self.cipher.decrypt(&[], &short).map(Short::into_figures),
            Err(figures) => self.cipher.decrypt(&[], &FlexibleNumeralString::from(figures)).map(Vec::from),
        };
        let mut out = Vec::with_capacity(sealed.len());
        self.alphabet.write(&value.map_err(|_| OpenError::NotSealed)?, &mut out);
        Ok(out)
    }

    fn figures(&self, text: &[u8]) -> Result<Vec<u16>, Refusal> {
        let text = std::str::from_utf8(text).map_err(|_| Refusal::Malformed)?;
        let mut figures = Vec::with_capacity(text.len().min(MOST_CHARACTERS));
        for letter in text.chars() {
            if figures.len() == MOST_CHARACTERS {
                return Err(Refusal::Malformed);
            }
            figures.push(self.alphabet.figure(letter).ok_or(Refusal::Malformed)?);
        }
        let possible = u64::from(self.alphabet.radix()).checked_pow(figures.len() as u32);
        if possible.is_some_and(|possible| possible < LEAST_DOMAIN) {
            return Err(Refusal::DomainTooSmall);
        }
        Ok(figures)
    }
}

/// The characters by their figures, and back.
struct Alphabet {
    letters: Vec<char>,
    /// Figures of ASCII, where most alphabets end.
    ascii: [Option<u16>; 128],
    others: HashMap<char, u16>,
}

impl Alphabet {
    fn of(text: &str) -> Result<Self, Refusal> {
        let mut alphabet = Alphabet { letters: Vec::new(), ascii: [None; 128], others: HashMap::new() };
        for letter in text.chars() {
            if alphabet.letters.len() == MOST_LETTERS || alphabet.figure(letter).is_some() {
                return Err(Refusal::Malformed);
            }
            let figure = alphabet.letters.len() as u16;
            match alphabet.ascii.get_mut(letter as usize) {
                Some(place) => *place = Some(figure),
                None => {
                    alphabet.others.insert(letter, figure);
                }
            }
            alphabet.letters.push(letter);
        }
        if alphabet.letters.len() < 2 { Err(Refusal::Malformed) } else { Ok(alphabet) }
    }

    fn radix(&self) -> u32 {
        self.letters.len() as u32
    }

    fn figure(&self, letter: char) -> Option<u16> {
        match self.ascii.get(letter as usize) {
            Some(figure) => *figure,
            None => self.others.get(&letter).copied(),
        }
    }

    fn write(&self, figures: &[u16], out: &mut Vec<u8>) {
        for figure in figures {
            out.extend_from_slice(self.letters[usize::from(*figure)].encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{ring, unhex};
    use super::*;

    const DIGITS: &str = "0123456789";
    const LETTERS: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

    /// The values of NIST's "FF1samples", three to a key: alphabet, tweak, value.
    const SAMPLES: [(&str, &str, &str); 3] = [
        (DIGITS, "", "0123456789"),
        (DIGITS, "39383736353433323130", "0123456789"),
        (LETTERS, "3737373770717273373737", "0123456789abcdefghi"),
    ];
    const KEY: &str = "2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94";

    /// Samples 7 to 9, of AES-256, on the way that values go.
    #[test]
    fn it_answers_the_samples_of_nist() {
        let key = unhex(KEY);
        for ((alphabet, tweak, value), sealed) in SAMPLES.into_iter().zip(["6657667009", "1001623463", "xs8a0azh2avyalyzuwd"]) {
            let ff1 = Ff1::of_key(key[..].try_into().unwrap(), alphabet).unwrap();
            let mut out = Vec::new();
            ff1.seal_with(&unhex(tweak), value.as_bytes(), &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), sealed);
            if tweak.is_empty() {
                assert_eq!(ff1.open(sealed.as_bytes()).unwrap(), value.as_bytes());
            }
        }
    }

    /// Samples 1 to 6, of AES-128 and AES-192, in both forms of figures.
    #[test]
    fn the_mode_answers_the_samples_of_other_keys() {
        fn sealed<C: aes::cipher::BlockCipherEncrypt + aes::cipher::KeyInit + Clone>(key: &[u8], of: (&str, &str, &str)) -> [String; 2] {
            let (alphabet, tweak, value) = of;
            let alphabet = Alphabet::of(alphabet).unwrap();
            let cipher = FF1::<C>::new(key, alphabet.radix()).unwrap();
            let figures: Vec<u16> = value.chars().map(|letter| alphabet.figure(letter).unwrap()).collect();
            let short = Short::of(figures.clone(), alphabet.radix()).ok().unwrap();
            let short = cipher.encrypt(&unhex(tweak), &short).unwrap().into_figures();
            let long = Vec::from(cipher.encrypt(&unhex(tweak), &FlexibleNumeralString::from(figures)).unwrap());
            [short, long].map(|figures| {
                let mut out = Vec::new();
                alphabet.write(&figures, &mut out);
                String::from_utf8(out).unwrap()
            })
        }
        let key = unhex(KEY);
        for (of, wanted) in SAMPLES.into_iter().zip(["2433477484", "6124200773", "a9tv40mll9kdu509eum"]) {
            assert_eq!(sealed::<aes::Aes128>(&key[..16], of), [wanted; 2]);
        }
        for (of, wanted) in SAMPLES.into_iter().zip(["2830668132", "2496655549", "xbj3kv35jrawxv32ysr"]) {
            assert_eq!(sealed::<aes::Aes192>(&key[..24], of), [wanted; 2]);
        }
    }

    #[test]
    fn what_it_cannot_hide_is_refused() {
        let ring = ring(&[7; 32]);
        let secret = ring.current("pii").unwrap();
        let seal = |alphabet: &str, value: &[u8]| Ff1::derive(secret, "d", alphabet)?.seal(value, &mut Vec::new());
        let cases: [(&str, &[u8], Result<(), Refusal>); 12] = [
            (DIGITS, b"123456", Ok(())),
            (DIGITS, b"12345", Err(Refusal::DomainTooSmall)),
            (DIGITS, b"", Err(Refusal::DomainTooSmall)),
            ("01", &[b'0'; 20], Ok(())),
            ("01", &[b'0'; 19], Err(Refusal::DomainTooSmall)),
            (DIGITS, b"123456a", Err(Refusal::Malformed)),
            (DIGITS, b"12345\xff", Err(Refusal::Malformed)),
            (DIGITS, &[b'1'; 256], Ok(())),
            (DIGITS, &[b'1'; 257], Err(Refusal::Malformed)),
            ("0123456780", b"123456", Err(Refusal::Malformed)),
            ("0", b"000000", Err(Refusal::Malformed)),
            ("", b"", Err(Refusal::Malformed)),
        ];
        for (alphabet, value, want) in cases {
            assert_eq!(seal(alphabet, value), want, "{alphabet} {value:?}");
        }
        let many: String = (0u32..).filter_map(char::from_u32).take(MOST_LETTERS + 1).collect();
        assert_eq!(seal(&many, b"123456"), Err(Refusal::Malformed));
        let most: String = many.chars().take(MOST_LETTERS).collect();
        assert_eq!(seal(&most, b"123456"), Ok(()));
    }

    proptest! {
        #[test]
        fn it_keeps_length_and_alphabet_and_opens(value in "[0-9a-zäöüß]{4,40}") {
            let ring = ring(&[7; 32]);
            let secret = ring.current("pii").unwrap();
            let alphabet = format!("{LETTERS}äöüß");
            let ff1 = Ff1::derive(secret, "d", &alphabet).unwrap();
            let mut sealed = Vec::new();
            ff1.seal(value.as_bytes(), &mut sealed).unwrap();
            prop_assert_eq!(ff1.open(&sealed).unwrap(), value.as_bytes());
            let sealed = String::from_utf8(sealed).unwrap();
            prop_assert_eq!(sealed.chars().count(), value.chars().count());
            prop_assert!(sealed.chars().all(|letter| alphabet.contains(letter)));
        }
    }
}
