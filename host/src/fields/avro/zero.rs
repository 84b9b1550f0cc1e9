//! A type's zero, encoded: what stands where nothing may. Knows no data.

use super::logical::Logical;
use super::read::push_long;
use super::scalar::push_bytes;
use super::schema::{Tables, Type};

/// At most so many bytes, and so many types looked at, for one zero. Stops records of records whose fields multiply.
const MAX_ZERO: usize = 1 << 16;

impl Tables {
    /// Appends the zero of a type: false, 0, empty, an enum's default or first symbol, a record of zeros, of a union null
    /// or the zero of its first branch. False if it has none, or none within bounds; then `out` holds a part of it.
    pub(super) fn push_zero(&self, number: u32, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let mut todo = vec![number];
        let mut steps = 0;
        while let Some(number) = todo.pop() {
            steps += 1;
            if steps > MAX_ZERO || out.len() - start > MAX_ZERO {
                return false;
            }
            match self.get(number) {
                Type::Null => {}
                // Also the length of bytes and strings, and the end of arrays and maps.
                Type::Boolean | Type::Int(_) | Type::Long(_) | Type::Bytes(_) | Type::Array(_) | Type::Map(_) => out.push(0),
                Type::String(Logical::Uuid) => push_bytes(NIL_UUID, out),
                Type::String(_) => out.push(0),
                Type::Float => out.extend_from_slice(&[0; 4]),
                Type::Double => out.extend_from_slice(&[0; 8]),
                Type::Fixed { size, .. } if size as usize > MAX_ZERO => return false,
                Type::Fixed { size, .. } => out.resize(out.len() + size as usize, 0),
                Type::Enum { symbols: 0, .. } => return false,
                Type::Enum { number, .. } => push_long(self.enums[number as usize].default.into(), out),
                Type::Record { fields, .. } => todo.extend(self.children(fields).iter().rev()),
                Type::Union(_) => {
                    let Some(branch) = self.zero_branch(number) else { return false };
                    push_long(branch.into(), out);
                    todo.push(self.branches(number)[branch as usize]);
                }
            }
        }
        true
    }

    /// Null, else the first branch whose zero does not need the union's own.
    fn zero_branch(&self, union: u32) -> Option<u32> {
        let rank = |number: u32| self.zero_rank[number as usize];
        let earlier = |&branch: &u32| rank(branch).is_some() && rank(branch) < rank(union);
        self.null_branch(union).or_else(|| self.branches(union).iter().position(earlier).map(|at| at as u32))
    }
}

/// The UUID of nothing, as RFC 9562 has it.
const NIL_UUID: &[u8] = b"00000000-0000-0000-0000-000000000000";
