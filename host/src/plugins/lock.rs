//! `plugins.lock`: which components `trust: locked` admits, by SHA-256, and which it admitted before. It must not read or
//! write files.
//!
//! ```text
//! # comment
//! <sha-256, hex>  <plugin's name>  <file in the plugin directory>
//! was  <sha-256, hex>  <plugin's name>  <file>
//! ```

use crate::plugin::digest::{self, Digest};

/// The file's name in the plugin directory.
pub const FILE: &str = "plugins.lock";

/// What a lock begins with.
const HEAD: &str = "# What plugins.trust: locked admits; written by sluice plugin lock, deploy and rollback.\n\
    # A line with \"was\" admits nothing: it is what a rollback may return to.\n";

/// The first word of a line that was in force before.
const WAS: &str = "was";

/// Earlier components of one plugin that are remembered. Stops a lock that grows with every deploy.
const EARLIER: usize = 8;

/// One admitted component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name the plugin has to give itself.
    pub name: String,
    /// The file's name in the plugin directory.
    pub file: String,
    /// SHA-256 of the file.
    pub digest: Digest,
}

/// All admitted components, and those that were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    entries: Vec<Entry>,
    /// What [`Lock::set`] replaced, the latest last.
    earlier: Vec<Entry>,
}

/// A lock that cannot be read admits nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {0} is not a sha-256, a plugin's name and a file's name")]
pub struct Malformed(pub usize);

impl Lock {
    /// Reads a lock. One bad line spoils the whole: half a lock would be a guess.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut lock = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (list, line) = match line.split_once(char::is_whitespace) {
                Some((WAS, rest)) => (&mut lock.earlier, rest.trim_start()),
                _ => (&mut lock.entries, line),
            };
            list.push(entry(line).ok_or(Malformed(number + 1))?);
        }
        Ok(lock)
    }

    /// As it is kept in the file, by name, file and digest.
    pub fn text(&self) -> String {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort();
        entries.dedup();
        let line = |entry: &Entry| format!("{}  {}  {}\n", digest::hex(&entry.digest), entry.name, entry.file);
        let lines = entries.into_iter().map(line).chain(self.earlier.iter().map(|entry| format!("{WAS}  {}", line(entry))));
        std::iter::once(HEAD.to_owned()).chain(lines).collect()
    }

    /// The entry that admits a file of that digest under that name.
    pub fn admits(&self, file: &str, digest: &Digest) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.file == file && entry.digest == *digest)
    }

    /// Whether that file is admitted, or was: somebody who might write the lock vouched for it once.
    pub fn once_admitted(&self, file: &str, digest: &Digest) -> bool {
        self.entries.iter().chain(&self.earlier).any(|entry| entry.file == file && entry.digest == *digest)
    }

    /// Whether a plugin of that name is to come from the directory.
    pub fn names(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name)
    }

    /// The name that a file has to give itself, where it is listed.
    pub fn name_of(&self, file: &str) -> Option<&str> {
        self.entries.iter().find(|entry| entry.file == file).map(|entry| entry.name.as_str())
    }

    /// Admits one more component.
    pub fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Admits exactly this component under its name and in its file; what it replaces is remembered.
    pub fn set(&mut self, entry: Entry) {
        let (replaced, stays) = self.entries.drain(..).partition(|old| old.name == entry.name || old.file == entry.file);
        self.entries = stays;
        self.earlier.extend::<Vec<Entry>>(replaced);
        self.earlier.retain(|old| *old != entry);
        let mut of_this = self.earlier.iter().filter(|old| old.name == entry.name).count();
        self.earlier.retain(|old| {
            let goes = old.name == entry.name && of_this > EARLIER;
            of_this -= usize::from(goes);
            !goes
        });
        self.entries.push(entry);
    }
}

fn entry(line: &str) -> Option<Entry> {
    let (digest, rest) = line.split_once(char::is_whitespace)?;
    let (name, file) = rest.trim_start().split_once(char::is_whitespace)?;
    let file = file.trim_start();
    let plain = !file.is_empty() && !file.contains('/') && !file.starts_with('.');
    plain.then(|| Some(Entry { name: name.to_owned(), file: file.to_owned(), digest: digest::bytes(digest)? }))?
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn entry_of(name: &str, file: &str, content: &[u8]) -> Entry {
        Entry { name: name.into(), file: file.into(), digest: digest::of(content) }
    }

    #[test]
    fn a_file_is_admitted_by_its_name_and_digest_alone() {
        let mut lock = Lock::default();
        lock.add(entry_of("mask", "mask.wasm", b"one"));
        assert_eq!(lock.admits("mask.wasm", &digest::of(b"one")).unwrap().name, "mask");
        assert_eq!(lock.admits("mask.wasm", &digest::of(b"two")), None);
        assert_eq!(lock.admits("other.wasm", &digest::of(b"one")), None);
        lock.add(entry_of("mask", "mask.wasm", b"two"));
        assert!(lock.admits("mask.wasm", &digest::of(b"one")).is_some() && lock.admits("mask.wasm", &digest::of(b"two")).is_some());
        lock.set(entry_of("mask", "mask-2.wasm", b"two"));
        assert_eq!(lock.admits("mask.wasm", &digest::of(b"two")), None, "the name moved to another file");
        assert!(lock.names("mask") && !lock.names("filter"));
    }

    #[test]
    fn it_remembers_what_it_admitted() {
        let one = |n: u32| entry_of("mask", "mask.wasm", &n.to_le_bytes());
        let mut lock = Lock::default();
        (0..20).for_each(|n| lock.set(one(n)));
        let lock = Lock::parse(&lock.text()).unwrap();
        let admitted = |n| lock.admits("mask.wasm", &one(n).digest).is_some();
        let once = |n| lock.once_admitted("mask.wasm", &one(n).digest);
        assert!(admitted(19) && !admitted(18) && once(18) && once(11) && !once(10));
        assert!(!lock.once_admitted("other.wasm", &one(18).digest), "another file");
        assert_eq!((lock.name_of("mask.wasm"), lock.name_of("other.wasm")), (Some("mask"), None));
        // Back and forth: each is either admitted or was.
        let mut lock = lock;
        lock.set(one(18));
        assert_eq!(lock.text().lines().filter(|line| line.contains(&digest::hex(&one(18).digest))).count(), 1);
        assert!(lock.once_admitted("mask.wasm", &one(19).digest));
    }

    #[test]
    fn it_reads_back_and_half_a_lock_is_none() {
        let mut lock = Lock::default();
        lock.add(entry_of("mask", "my mask.wasm", b"one"));
        lock.add(entry_of("filter", "filter.wasm", b"two"));
        let text = lock.text();
        assert!(text.starts_with("# ") && text.find("filter").unwrap() < text.find("mask").unwrap(), "{text}");
        assert_eq!(Lock::parse(&text).unwrap().text(), text);
        assert_eq!(Lock::parse("\n# nothing\n"), Ok(Lock::default()));
        let good = text.lines().nth(2).unwrap();
        for (bad, line) in [
            ("mask".to_owned(), 1),
            (format!("{good}\nxx mask mask.wasm"), 2),
            (format!("{good}\nwas {}", good.replace("filter.wasm", "../filter.wasm")), 2),
            (good.replace("filter.wasm", "../filter.wasm"), 1),
            (good.replace("filter.wasm", ".filter.wasm"), 1),
            (good.replace("  filter.wasm", ""), 1),
            (good.to_uppercase(), 1),
        ] {
            assert_eq!(Lock::parse(&bad), Err(Malformed(line)), "{bad}");
        }
    }
}
