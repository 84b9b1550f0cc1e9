//! The host's side of the five interfaces that a plugin may import.
//! It must treat every argument like a request from the internet, and give away no key and no record.

use wasmtime::component::{HasSelf, Linker};

use super::bindings::Transform;
use super::bindings::sluice::plugin::log::{self, Level};
use super::bindings::sluice::plugin::{keys, metrics, tables, types, windows};
use super::failure::Refused;
use super::keys::Refusal;
use super::state::{LogMode, State};

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
        let tags = self.derived.hmac_sha256(&self.services.keys, &key, &domain, &ends, &data);
        Ok(tags.map_err(|refusal| match refusal {
            Refusal::UnknownKey => keys::Failure::UnknownKey,
            Refusal::Malformed => keys::Failure::Malformed,
        }))
    }

    fn seal(
        &mut self,
        key: String,
        _domain: String,
        ends: Vec<u32>,
        _data: Vec<u8>,
    ) -> wasmtime::Result<Result<keys::Sealed, keys::Failure>> {
        self.column_fits(&ends)?;
        Ok(Err(self.may_use(&key).err().unwrap_or(keys::Failure::Unsupported)))
    }

    fn fpe(
        &mut self,
        key: String,
        _domain: String,
        _alphabet: String,
        ends: Vec<u32>,
        _data: Vec<u8>,
    ) -> wasmtime::Result<Result<keys::Sealed, keys::Failure>> {
        self.column_fits(&ends)?;
        Ok(Err(self.may_use(&key).err().unwrap_or(keys::Failure::Unsupported)))
    }

    fn encrypt(
        &mut self,
        key: String,
        _domain: String,
        _field: u32,
        _rows: Vec<u32>,
        ends: Vec<u32>,
        _data: Vec<u8>,
    ) -> wasmtime::Result<Result<keys::Sealed, keys::Failure>> {
        self.column_fits(&ends)?;
        Ok(Err(self.may_use(&key).err().unwrap_or(keys::Failure::Unsupported)))
    }
}

impl tables::Host for State {
    fn get(&mut self, _table: String, ends: Vec<u32>, _data: Vec<u8>) -> wasmtime::Result<Result<tables::Found, tables::Failure>> {
        self.column_fits(&ends)?;
        Ok(Err(tables::Failure::Unsupported))
    }
}

impl windows::Host for State {
    fn seen(
        &mut self,
        _name: String,
        _limit: u32,
        _rows: Vec<u32>,
        ends: Vec<u32>,
        _data: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, windows::Failure>> {
        self.column_fits(&ends)?;
        Ok(Err(windows::Failure::Unsupported))
    }
}
