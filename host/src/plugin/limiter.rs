//! Counts what one instance takes of memory and tables, and says no at the limit.
//! It must not trap: a refused growth is an answer a guest's allocator can handle, and the caller learns of it.

use wasmtime::ResourceLimiter;

use super::limits::Limits;

/// The account of one store. The engine's own limits are per memory and per table; these are sums, so that four
/// memories cannot take four times the limit.
#[derive(Debug)]
pub(super) struct Limiter {
    memory_limit: usize,
    table_limit: usize,
    memories: usize,
    tables: usize,
    instances: usize,
    memory_bytes: usize,
    table_elements: usize,
    refused: bool,
}

impl Limiter {
    /// Nothing taken yet; the limits stay for the life of the store.
    pub(super) fn new(limits: &Limits) -> Self {
        Limiter {
            memory_limit: limits.memory_bytes,
            table_limit: limits.table_elements,
            memories: limits.memories,
            tables: limits.tables,
            instances: limits.instances,
            memory_bytes: 0,
            table_elements: 0,
            refused: false,
        }
    }

    /// Bytes of all linear memories. They never shrink.
    pub(super) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Whether growth was refused since the last `rearm`: a guest that aborts afterwards ran out of memory.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }

    /// Forgets earlier refusals; done before every call.
    pub(super) fn rearm(&mut self) {
        self.refused = false;
    }
}

/// The new sum when one member grows from `current` to `desired`, or nothing above `limit`.
fn grown(sum: usize, current: usize, desired: usize, limit: usize) -> Option<usize> {
    let sum = sum.checked_add(desired.checked_sub(current)?)?;
    (sum <= limit).then_some(sum)
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // Beyond the memory's own maximum the engine refuses after this call, and the sum would be wrong.
        if maximum.is_some_and(|m| desired > m) {
            return Ok(false);
        }
        let Some(sum) = grown(self.memory_bytes, current, desired, self.memory_limit) else {
            self.refused = true;
            return Ok(false);
        };
        self.memory_bytes = sum;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|m| desired > m) {
            return Ok(false);
        }
        let Some(sum) = grown(self.table_elements, current, desired, self.table_limit) else {
            self.refused = true;
            return Ok(false);
        };
        self.table_elements = sum;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    const PAGE: usize = 64 << 10;

    #[test]
    fn memories_share_one_limit() {
        let limits = Limits { memory_bytes: 4 * PAGE, ..Limits::default() };
        let mut limiter = Limiter::new(&limits);
        assert!(limiter.memory_growing(0, 2 * PAGE, None).unwrap());
        assert!(limiter.memory_growing(0, PAGE, None).unwrap());
        assert!(limiter.memory_growing(2 * PAGE, 3 * PAGE, None).unwrap());
        assert_eq!(limiter.memory_bytes(), 4 * PAGE);
        assert!(!limiter.refused());
        assert!(!limiter.memory_growing(PAGE, 2 * PAGE, None).unwrap());
        assert!(limiter.refused());
        assert_eq!(limiter.memory_bytes(), 4 * PAGE);
    }

    #[test]
    fn a_memorys_own_maximum_is_not_counted() {
        let mut limiter = Limiter::new(&Limits::default());
        assert!(!limiter.memory_growing(PAGE, 3 * PAGE, Some(2 * PAGE)).unwrap());
        assert_eq!((limiter.memory_bytes(), limiter.refused()), (0, false));
    }

    #[test]
    fn tables_share_one_limit() {
        let limits = Limits { table_elements: 10, ..Limits::default() };
        let mut limiter = Limiter::new(&limits);
        assert!(limiter.table_growing(0, 6, None).unwrap());
        assert!(!limiter.table_growing(0, 5, None).unwrap());
        // One refusal does not forbid what still fits.
        assert!(limiter.table_growing(0, 4, None).unwrap());
        assert!(limiter.refused());
        limiter.rearm();
        assert!(!limiter.refused());
    }
}
