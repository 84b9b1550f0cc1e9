//! Which places lead to a value that a field edits: from those values back to all that is around them. Knows no format; a
//! format numbers its places.

/// Places, as they lie in each other, also in themselves.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// By place: the first field that edits the value there.
    fields: Vec<Option<u32>>,
    /// By place: those around it.
    around: Vec<Vec<u32>>,
}

impl Reach {
    /// The number of one more place.
    pub(super) fn add(&mut self, field: Option<u32>) -> u32 {
        self.fields.push(field);
        self.around.push(Vec::new());
        self.fields.len() as u32 - 1
    }

    /// Values at `place` are edited by `field` as well.
    pub(super) fn edited(&mut self, place: u32, field: Option<u32>) {
        let known = &mut self.fields[place as usize];
        *known = [*known, field].into_iter().flatten().min();
    }

    /// The place `inner` lies in `outer`.
    pub(super) fn lies_in(&mut self, inner: u32, outer: u32) {
        self.around[inner as usize].push(outer);
    }

    /// By place: the first field that edits the value there or one inside it.
    pub(super) fn first(&self) -> Vec<Option<u32>> {
        let edited = self.fields.iter().zip(0..).filter_map(|(field, place)| Some(((*field)?, place)));
        let mut edited: Vec<(u32, u32)> = edited.collect();
        edited.sort_unstable();
        let mut first = vec![None; self.fields.len()];
        for (field, place) in edited {
            let mut left = vec![place];
            while let Some(place) = left.pop() {
                if first[place as usize].is_none() {
                    first[place as usize] = Some(field);
                    left.extend(&self.around[place as usize]);
                }
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_field_inside_is_found_also_in_circles() {
        let mut reach = Reach::default();
        for field in [None, Some(2), None, Some(1), None] {
            reach.add(field);
        }
        // 4 beside 0 ▷ 1 ▷ 2 ▷ 0, and 3 in 2.
        for (inner, outer) in [(1, 0), (2, 1), (0, 2), (3, 2)] {
            reach.lies_in(inner, outer);
        }
        assert_eq!(reach.first(), [Some(1), Some(1), Some(1), Some(1), None]);
        reach.edited(1, Some(0));
        reach.edited(1, Some(5));
        assert_eq!(reach.first(), [Some(0), Some(0), Some(0), Some(1), None]);
    }
}
