//! Values back to back, as plugins hand them to imports and get them back. It must not know what the values mean.

/// The values of a column that a guest handed over; None where the ends do not ascend or do not fit the data.
pub(super) fn values<'a>(ends: &'a [u32], data: &'a [u8]) -> Option<impl ExactSizeIterator<Item = &'a [u8]> + Clone> {
    let fits = ends.is_sorted() && ends.last().map_or(0, |end| *end as usize) == data.len();
    fits.then(|| {
        let mut start = 0;
        ends.iter().map(move |end| {
            let from = std::mem::replace(&mut start, *end as usize);
            &data[from..start]
        })
    })
}

/// Values in the making.
#[derive(Default)]
pub(super) struct Packed {
    /// Where each value ends in `data`.
    pub(super) ends: Vec<u32>,
    /// The values, back to back.
    pub(super) data: Vec<u8>,
}

impl Packed {
    /// Room for that many values of `bytes` together.
    pub(super) fn with_capacity(values: usize, bytes: usize) -> Self {
        Packed { ends: Vec::with_capacity(values), data: Vec::with_capacity(bytes) }
    }

    /// Ends a value at the end of what was appended to `data`. None past 4 GiB, which fits no guest's memory.
    pub(super) fn end(&mut self) -> Option<()> {
        self.ends.push(u32::try_from(self.data.len()).ok()?);
        Some(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn only_ends_that_fit_give_values() {
        type Case<'a> = (&'a [u32], &'a [u8], Option<&'a [&'a [u8]]>);
        let cases: [Case<'_>; 8] = [
            (&[], b"", Some(&[])),
            (&[0, 2, 2], b"ab", Some(&[b"", b"ab", b""])),
            (&[], b"a", None),
            (&[1], b"ab", None),
            (&[3], b"ab", None),
            (&[2, 1, 2], b"ab", None),
            (&[3, 2], b"ab", None),
            (&[u32::MAX], b"", None),
        ];
        for (ends, data, want) in cases {
            let got = values(ends, data).map(Iterator::collect::<Vec<_>>);
            assert_eq!(got.as_deref(), want, "{ends:?}");
        }
    }
}
