//! Figures of a short value for FF1, halves as 64-bit numbers: several times faster than numbers of any length, and long
//! enough for card, account and phone numbers. It must compute the same as those.

use fpe::ff1::{NumeralString, Operations};

/// Figures whose halves each are a number below 2^64.
pub(super) struct Short {
    radix: u32,
    figures: Vec<u16>,
}

impl Short {
    /// The figures back where a half could be too large a number.
    pub(super) fn of(figures: Vec<u16>, radix: u32) -> Result<Self, Vec<u16>> {
        let longer = figures.len().div_ceil(2) as u32;
        match u64::from(radix).checked_pow(longer) {
            Some(_) => Ok(Short { radix, figures }),
            None => Err(figures),
        }
    }

    /// The figures, in the order of the value.
    pub(super) fn into_figures(self) -> Vec<u16> {
        self.figures
    }
}

impl NumeralString for Short {
    type Ops = Half;

    fn is_valid(&self, radix: u32) -> bool {
        self.figures.iter().all(|figure| u32::from(*figure) < radix)
    }

    fn numeral_count(&self) -> usize {
        self.figures.len()
    }

    fn split(&self) -> (Half, Half) {
        let (front, back) = self.figures.split_at(self.figures.len() / 2);
        (Half::of(front, self.radix), Half::of(back, self.radix))
    }

    fn concat(a: Half, b: Half) -> Self {
        let mut figures = vec![0; a.count + b.count];
        let (front, back) = figures.split_at_mut(a.count);
        a.write(front);
        b.write(back);
        Short { radix: a.radix, figures }
    }
}

/// A half as a number.
pub(super) struct Half {
    radix: u32,
    count: usize,
    number: u64,
}

impl Half {
    fn of(figures: &[u16], radix: u32) -> Self {
        let number = figures.iter().fold(0, |number, figure| number * u64::from(radix) + u64::from(*figure));
        Half { radix, count: figures.len(), number }
    }

    fn write(&self, figures: &mut [u16]) {
        let mut rest = self.number;
        for figure in figures.iter_mut().rev() {
            *figure = (rest % u64::from(self.radix)) as u16;
            rest /= u64::from(self.radix);
        }
    }

    /// The number that `bytes` are, most significant first, modulo `modulus`.
    fn reduce(bytes: impl Iterator<Item = u8>, modulus: u64) -> u64 {
        let (mut rest, mut limb, mut in_limb) = (0, 0, 0);
        let fold = |rest: u64, limb: u64, bits: u32| (((u128::from(rest) << bits) | u128::from(limb)) % u128::from(modulus)) as u64;
        for byte in bytes {
            limb = (limb << 8) | u64::from(byte);
            in_limb += 8;
            if in_limb == 64 {
                rest = fold(rest, limb, 64);
                (limb, in_limb) = (0, 0);
            }
        }
        if in_limb == 0 { rest } else { fold(rest, limb, in_limb) }
    }
}

/// The last `used` of eight bytes, after zeros where more are asked for.
pub(super) struct Bytes {
    bytes: [u8; 16],
    used: usize,
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[self.bytes.len() - self.used..]
    }
}

impl Operations for Half {
    type Bytes = Bytes;

    fn numeral_count(&self) -> usize {
        self.count
    }

    fn to_be_bytes(&self, _: u32, b: usize) -> Bytes {
        // A half is below 2^64, so that FF1 asks for at most 8 bytes.
        Bytes { bytes: u128::from(self.number).to_be_bytes(), used: b.min(16) }
    }

    fn add_mod_exp(self, other: impl Iterator<Item = u8>, radix: u32, m: usize) -> Self {
        let modulus = u64::from(radix).pow(m as u32);
        let sum = u128::from(self.number % modulus) + u128::from(Half::reduce(other, modulus));
        Half { radix, count: m, number: (sum % u128::from(modulus)) as u64 }
    }

    fn sub_mod_exp(self, other: impl Iterator<Item = u8>, radix: u32, m: usize) -> Self {
        let modulus = u64::from(radix).pow(m as u32);
        let (number, other) = (self.number % modulus, Half::reduce(other, modulus));
        let number = if number >= other { number - other } else { modulus - (other - number) };
        Half { radix, count: m, number }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use aes::Aes256;
    use fpe::ff1::{FF1, FlexibleNumeralString};
    use proptest::prelude::*;

    use super::*;

    fn figures() -> impl Strategy<Value = (u32, Vec<u16>)> {
        (2u32..=1 << 16).prop_flat_map(|radix| {
            let figure = (0..radix).prop_map(|figure| figure as u16);
            (Just(radix), proptest::collection::vec(figure, 0..64))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Small radixes have the longest values.
        #[test]
        fn it_computes_the_same_as_numbers_of_any_length((radix, figures) in prop_oneof![figures(), (2u32..40).prop_flat_map(|radix| {
            (Just(radix), proptest::collection::vec((0..radix).prop_map(|figure| figure as u16), 0..130))
        })]) {
            let ff1 = FF1::<Aes256>::new(&[7; 32], radix).unwrap();
            let long = FlexibleNumeralString::from(figures.clone());
            let Ok(short) = Short::of(figures, radix) else { return Ok(()) };
            match (ff1.encrypt(&[], &long), ff1.encrypt(&[], &short)) {
                (Ok(long), Ok(short)) => {
                    prop_assert_eq!(&Vec::from(long), &short.figures);
                    let (long, short) = (FlexibleNumeralString::from(short.figures.clone()), short);
                    let opened = ff1.decrypt(&[], &short).unwrap();
                    prop_assert_eq!(Vec::from(ff1.decrypt(&[], &long).unwrap()), opened.figures);
                }
                (long, short) => prop_assert!(long.is_err() && short.is_err()),
            }
        }

        #[test]
        fn numbers_are_reduced_whatever_their_length(bytes in proptest::collection::vec(any::<u8>(), 0..40), modulus in 1u64..) {
            let want = bytes.iter().fold(0u128, |rest, byte| (rest * 256 + u128::from(*byte)) % u128::from(modulus));
            prop_assert_eq!(u128::from(Half::reduce(bytes.into_iter(), modulus)), want);
        }
    }
}
