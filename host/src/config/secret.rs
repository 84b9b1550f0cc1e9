//! Secrets: where they come from and how they are held. They are never printed, compared or serialised.

use std::fmt;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::place::At;

/// Bytes that nobody prints: `Debug` and `Display` say `***`, and the memory is zeroed at the end.
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the bytes over; the caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves. Every call is a place to look at in a review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // Without a reader the compiler may leave the zeroes out.
        black_box(&self.0);
    }
}

/// Where a secret comes from: exactly one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "{ env: NAME } or { file: PATH }")]
#[schemars(extend("oneOf" = [{ "required": ["env"] }, { "required": ["file"] }]))]
pub struct Reference {
    /// Name of an environment variable that holds it.
    pub env: Option<At<String>>,
    /// File that holds it, relative to the directory of the configuration file. One newline at its end (LF or CRLF) is not
    /// part of it.
    pub file: Option<At<PathBuf>>,
}

/// A key: where its bytes come from; or those in use, and those that they replaced.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "{ env: NAME }, { file: PATH } or { current: …, previous: [ … ] }")]
#[schemars(extend("oneOf" = [{ "required": ["env"] }, { "required": ["file"] }, { "required": ["current"] }]))]
pub struct KeyReference {
    /// Name of an environment variable that holds it.
    pub env: Option<At<String>>,
    /// File that holds it, relative to the directory of the configuration file. One newline at its end (LF or CRLF) is not
    /// part of it.
    pub file: Option<At<PathBuf>>,
    /// The key that everything new is made under, { env: NAME } or { file: PATH }, where it replaced others.
    pub current: Option<At<Reference>>,
    /// The keys that it replaced, each { env: NAME } or { file: PATH }: they only open what was made under them. Default:
    /// none.
    pub previous: Option<At<Vec<At<Reference>>>>,
}

/// How the process looks things up outside of the configuration; tests bring their own.
pub(super) struct Outside<'a> {
    /// The value of an environment variable.
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
}

/// The largest file that is read as a secret: `/dev/zero` and the wrong file end here.
const MAX_SECRET_BYTES: u64 = 1 << 20;

/// The secret that a reference names, or why it cannot be had.
pub(super) fn resolve(reference: &Reference, base: &Path, outside: &Outside<'_>) -> Result<Secret, String> {
    let mut bytes = match (&reference.env, &reference.file) {
        (Some(name), None) => match (outside.env)(&name.value) {
            Some(value) => value.into_bytes(),
            None => return Err(format!("the environment variable {} is not set", name.value)),
        },
        (None, Some(path)) => read_file(&base.join(&path.value))?,
        _ => return Err("expected exactly one of { env: NAME } and { file: PATH }".into()),
    };
    // Editors and `echo` end a file with one.
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Ok(Secret(bytes))
}

/// A file of a secret's size: certificates too.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let cannot = |why: std::io::Error| format!("cannot read the file {}: {}", path.display(), plain(&why));
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut bytes = Vec::new();
    file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > MAX_SECRET_BYTES {
        return Err(format!("cannot read the file {}: it is larger than 1 MiB", path.display()));
    }
    Ok(bytes)
}

/// The system's words without its error number.
pub(super) fn plain(error: &std::io::Error) -> String {
    use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};
    match error.kind() {
        NotFound => "it does not exist".into(),
        PermissionDenied => "permission denied".into(),
        IsADirectory => "it is a directory".into(),
        NotADirectory => "a part of its path is not a directory".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn one_trailing_newline_is_not_part_of_a_secret() {
        let dir = tempfile::tempdir().unwrap();
        for (held, expected) in [("abc", "abc"), ("abc\n", "abc"), ("abc\r\n", "abc"), ("abc\n\n", "abc\n"), ("\n", "")] {
            std::fs::write(dir.path().join("k"), held).unwrap();
            let reference = Reference { env: None, file: Some(At::preset("k".into())) };
            let secret = resolve(&reference, dir.path(), &Outside { env: &|_| None }).unwrap();
            assert_eq!(secret.expose(), expected.as_bytes(), "{held:?}");
        }
    }

    #[test]
    fn is_never_printed() {
        let secret = Secret::new(b"swordfish".to_vec());
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
    }
}
