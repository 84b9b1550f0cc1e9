//! The host's side of the five interfaces that a plugin may import.
//! It must treat every argument like a request from the internet, and give away no key and no record.

use std::sync::PoisonError;

use wasmtime::component::{HasSelf, Linker};

use super::bindings::Transform;
use super::bindings::sluice::plugin::log::{self, Level};
use super::bindings::sluice::plugin::{keys, metrics, tables, types, windows};
use super::failure::Refused;
use super::keys::column::Column;
use super::keys::{Coordinates, Refusal};
use super::state::{Call, LogMode, State};
use super::tables::{Found, Refusal as NotFound};
use super::values::{Packed, values};
use super::windows::{Place, Refusal as NotKept};

/// Offers the five interfaces.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    Transform::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

impl State {
    /// Counts a line, and writes it where that is wanted, control characters escaped.
    pub(super) fn line(&mut self, level: Level, text: &str) {
        if self.lines_left == 0 {
            self.log.dropped = self.log.dropped.saturating_add(1);
            return;
        }
        self.lines_left -= 1;
        self.log.written = self.log.written.saturating_add(1);
        if self.services.log == LogMode::Count {
            return;
        }
        let end = text.floor_char_boundary(self.limits.log_line_bytes);
        let (plugin, line) = (&*self.plugin, text[..end].escape_debug());
        match level {
            Level::Debug => tracing::debug!(target: "plugin", plugin, "{line}"),
            Level::Info => tracing::info!(target: "plugin", plugin, "{line}"),
            Level::Warn => tracing::warn!(target: "plugin", plugin, "{line}"),
            Level::Error => tracing::error!(target: "plugin", plugin, "{line}"),
        }
    }

    /// A million empty values cost no bytes and a second of time that no deadline interrupts.
    fn column_fits(&self, ends: &[u32]) -> Result<(), Refused> {
        if ends.len() > self.limits.hostcall_values {
            return Err(Refused::TooMuch("more values than an import takes at once"));
        }
        Ok(())
    }

    /// Denied before unknown, so that a plugin cannot find out which keys there are.
    fn may_use(&self, key: &str) -> Result<(), keys::Failure> {
        if !self.services.allowed_keys.iter().any(|allowed| allowed == key) {
            return Err(keys::Failure::Denied);
        }
        if !self.services.keys.contains(key) {
            return Err(keys::Failure::UnknownKey);
        }
        Ok(())
    }
}

/// Types alone: there is nothing to call.
impl types::Host for State {}

impl log::Host for State {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.line(level, &message);
        Ok(())
    }
}

impl metrics::Host for State {
    fn add(&mut self, counter: u32, delta: u64) -> wasmtime::Result<()> {
        if self.count(counter, delta) {
            return Ok(());
        }
        // No number of the guest's choice in the text: it could be a record's.
        Err(Refused::Request("it added to a counter that it did not declare".to_owned()).into())
    }
}

impl keys::Host for State {
    fn key_id(&mut self, key: String) -> wasmtime::Result<Result<String, keys::Failure>> {
        if let Err(failure) = self.may_use(&key) {
            return Ok(Err(failure));
        }
        Ok(self.services.keys.key_id(&key).ok_or(keys::Failure::UnknownKey))
    }

    fn hmac_sha256(
        &mut self,
        key: String,
        domain: String,
        ends: Vec<u32>,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, keys::Failure>> {
        self.column_fits(&ends)?;
        if let Err(failure) = self.may_use(&key) {
            return Ok(Err(failure));
        }
        let column = Column { key: &key, domain: &domain, ends: &ends, data: &data };
        Ok(self.derived.hmac_sha256(&self.services.keys, column).map_err(Into::into))
    }

    fn seal(
        &mut self,
        key: String,
        domain: String,
        ends: Vec<u32>,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<keys::Sealed, keys::Failure>> {
        self.column_fits(&ends)?;
        if let Err(failure) = self.may_use(&key) {
            return Ok(Err(failure));
        }
        let column = Column { key: &key, domain: &domain, ends: &ends, data: &data };
        Ok(sealed(self.derived.seal(&self.services.keys, column)))
    }

    fn fpe(
        &mut self,
        key: String,
        domain: String,
        alphabet: String,
        ends: Vec<u32>,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<keys::Sealed, keys::Failure>> {
        self.column_fits(&ends)?;
        if data.len() > self.limits.fpe_bytes {
            return Err(Refused::TooMuch("more bytes than format-preserving encryption takes at once").into());
        }
        if let Err(failure) = self.may_use(&key) {
            return Ok(Err(failure));
        }
        let column = Column { key: &key, domain: &domain, ends: &ends, data: &data };
        Ok(sealed(self.derived.fpe(&self.services.keys, column, &alphabet)))
    }

    fn encrypt(
        &mut self,
        key: String,
        domain: String,
        field: u32,
        rows: Vec<u32>,
        ends: Vec<u32>,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<keys::Sealed, keys::Failure>> {
        self.column_fits(&ends)?;
        if let Err(failure) = self.may_use(&key) {
            return Ok(Err(failure));
        }
        let column = Column { key: &key, domain: &domain, ends: &ends, data: &data };
        let Call { topic, partition, origins } = &self.call;
        let at = Coordinates { cluster: &self.place.source, topic, partition: *partition, step: self.place.number, field };
        Ok(sealed(self.derived.encrypt(&self.services.keys, column, &at, &rows, origins)))
    }
}

fn sealed(packed: Result<Packed, Refusal>) -> Result<keys::Sealed, keys::Failure> {
    let Packed { ends, data } = packed?;
    Ok(keys::Sealed { ends, data })
}

impl From<Refusal> for keys::Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownKey => keys::Failure::UnknownKey,
            Refusal::DomainTooSmall => keys::Failure::DomainTooSmall,
            Refusal::Malformed => keys::Failure::Malformed,
        }
    }
}

impl tables::Host for State {
    fn get(&mut self, table: String, ends: Vec<u32>, data: Vec<u8>) -> wasmtime::Result<Result<tables::Found, tables::Failure>> {
        self.column_fits(&ends)?;
        // Denied before unknown, as with keys.
        if !self.services.allowed_tables.contains(&table) {
            return Ok(Err(tables::Failure::Denied));
        }
        let Some(table) = self.services.tables.get(&table) else { return Ok(Err(tables::Failure::UnknownTable)) };
        match table.get(&ends, &data, self.limits.hostcall_bytes) {
            Ok(Found { present, rows, revision }) => Ok(Ok(tables::Found { present, ends: rows.ends, data: rows.data, revision })),
            Err(NotFound::Unavailable) => Ok(Err(tables::Failure::Unavailable)),
            Err(NotFound::Malformed) => Ok(Err(tables::Failure::Malformed)),
            Err(NotFound::TooMuch) => Err(Refused::TooMuch("more bytes of rows than one look-up answers").into()),
        }
    }
}

impl windows::Host for State {
    fn seen(
        &mut self,
        name: String,
        limit: u32,
        rows: Vec<u32>,
        ends: Vec<u32>,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, windows::Failure>> {
        self.column_fits(&ends)?;
        let Call { topic, partition, origins } = &self.call;
        let exist = rows.last().is_none_or(|row| (*row as usize) < origins.len());
        if rows.len() != ends.len() || !rows.is_sorted() || !exist {
            return Ok(Err(windows::Failure::Malformed));
        }
        let Some(values) = values(&ends, &data) else { return Ok(Err(windows::Failure::Malformed)) };
        let at = Place { name: &name, topic, partition: *partition };
        // Memory from batch to batch is lent, like a key, to a step whose settings ask for it.
        let Some(windows) = &self.services.windows else { return Ok(Err(windows::Failure::Unsupported)) };
        let mut windows = windows.lock().unwrap_or_else(PoisonError::into_inner);
        match windows.seen(at, limit, rows.into_iter().zip(values)) {
            Ok(seen) => Ok(Ok(seen)),
            Err(NotKept::Malformed) => Ok(Err(windows::Failure::Malformed)),
            Err(NotKept::TooManyNames) => Ok(Err(windows::Failure::TooMany)),
            Err(NotKept::TooManyChanges) => Err(Refused::TooMuch("more values for windows than one transaction takes").into()),
        }
    }
}
