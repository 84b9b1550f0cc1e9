//! Finds the subject of each value: the one value that its record has in another field. It must not take one of several
//! for the subject.
use sluice_plugin::Column;

/// For each value of `column`, which value of `by` its record has; none where the record has no such field, several,
/// or a null.
pub fn subjects(column: &Column, by: &Column) -> Vec<Option<usize>> {
    let (mut from, mut found) = (0, Vec::with_capacity(column.len()));
    for &row in &column.rows {
        // Rows ascend in both.
        while by.rows.get(from).is_some_and(|&other| other < row) {
            from += 1;
        }
        let here = by.rows.get(from) == Some(&row);
        let alone = by.rows.get(from + 1) != Some(&row);
        let null = by.kinds.get(from).is_none_or(|&kind| kind == 0);
        found.push((here && alone && !null).then_some(from));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_value_of_the_record_is_found() {
        let column =
            |rows: &[u32], kinds: &[u8]| Column { rows: rows.to_vec(), kinds: kinds.to_vec(), ends: vec![0; rows.len()], data: Vec::new() };
        let dates = column(&[0, 1, 1, 2, 3, 5, 6], &[4; 7]);
        let by = column(&[0, 1, 2, 2, 4, 5], &[4, 2, 4, 4, 4, 0]);
        assert_eq!(subjects(&dates, &by), [Some(0), Some(1), Some(1), None, None, None, None]);
        assert_eq!(subjects(&dates, &column(&[], &[])), [None; 7]);
    }
}
