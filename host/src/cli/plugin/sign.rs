//! `sluice plugin keygen`, `sign` and `verify`: who vouches for a component. A secret key is written to a file of its
//! owner's alone, and shown nowhere.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::deploy::{read, untrusted};
use crate::cli::output::{Format, show};
use crate::cli::{Exit, Failure};
use crate::plugin::digest;
use crate::plugins::signature::{PublicKey, SecretKey};
use crate::plugins::trust::{read_signatures, signature_file};
use crate::say::say;

/// Where chance comes from.
const CHANCE: &str = "/dev/urandom";

/// Largest key file, bytes.
const KEY_BYTES: u64 = 4_096;

/// Arguments of `sluice plugin keygen`.
#[derive(Args)]
pub struct KeygenArgs {
    /// The file for the secret key; it must not be there yet.
    #[arg(value_name = "KEYFILE")]
    key: PathBuf,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// Arguments of `sluice plugin sign`.
#[derive(Args)]
pub struct SignArgs {
    /// The component.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The secret key, as `keygen` wrote it.
    #[arg(long, value_name = "KEYFILE")]
    key: PathBuf,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// Arguments of `sluice plugin verify`.
#[derive(Args)]
pub struct VerifyArgs {
    /// The component; its signatures are in FILE.sig.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A public key, as `keygen` printed it; may be repeated, one of them is enough.
    #[arg(long = "signer", value_name = "KEY", required = true, value_parser = public)]
    signers: Vec<PublicKey>,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// What was made or found, for programs.
#[derive(Serialize)]
struct Signed {
    /// SHA-256 of the component, hexadecimal; none where only a key was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// The public key.
    signer: String,
    /// The file that was written or read.
    file: String,
}

impl Signed {
    fn new(digest: Option<&[u8; 32]>, signer: &PublicKey, file: &Path) -> Self {
        Self { digest: digest.map(|digest| digest::hex(digest)), signer: signer.to_string(), file: file.display().to_string() }
    }

    /// On stdout, in the form asked for; `table` is the line for people.
    fn show(&self, format: Format, table: &str) -> Result<Exit, Failure> {
        show(self, format, || say!("{table}"))?;
        Ok(Exit::Done)
    }
}

fn public(text: &str) -> Result<PublicKey, String> {
    PublicKey::parse(text).map_err(|error| error.to_string())
}

/// Writes a new secret key that its owner alone may read, and prints the public one. A file that is there stays: exit
/// code 1.
pub fn keygen(args: &KeygenArgs) -> Result<Exit, Failure> {
    let said = |doing: &str, path: &Path, error: std::io::Error| Failure::new(format!("cannot {doing} {}: {error}", path.display()));
    let mut seed = [0; 32];
    let chance = Path::new(CHANCE);
    fs::File::open(chance).and_then(|mut source| source.read_exact(&mut seed)).map_err(|error| said("read", chance, error))?;
    let key = SecretKey::of_seed(&seed);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.key).map_err(|error| said("create", &args.key, error))?;
    file.write_all(key.text().as_bytes()).and_then(|()| file.sync_all()).map_err(|error| said("write", &args.key, error))?;
    let public = key.public();
    Signed::new(None, &public, &args.key).show(args.output, &public.to_string())
}

/// Writes the signature beside the component, with those of others over the same bytes that are there already.
pub fn sign(args: &SignArgs) -> Result<Exit, Failure> {
    let key = secret(&args.key)?;
    let component = read(&args.file)?;
    let beside = signature_file(&args.file);
    let mut signatures = key.sign(&component.digest);
    // Others' signatures of these very bytes stay; those of other bytes are of no use beside this file.
    if let Some(found) = read_signatures(&args.file).map_err(untrusted)? {
        signatures.add(&found);
    }
    fs::write(&beside, signatures.text()).map_err(|error| Failure::new(format!("cannot write {}: {error}", beside.display())))?;
    let public = key.public();
    let line = format!("{} signed by {public} in {}", digest::hex(&component.digest), beside.display());
    Signed::new(Some(&component.digest), &public, &beside).show(args.output, &line)
}

/// Looks for a signature of any of the signers over these very bytes; without one exit code 5.
pub fn verify(args: &VerifyArgs) -> Result<Exit, Failure> {
    let component = read(&args.file)?;
    let beside = signature_file(&args.file);
    let found = read_signatures(&args.file).map_err(untrusted)?;
    let found = found.ok_or_else(|| Failure { message: format!("{} does not exist", beside.display()), exit: Exit::Unsafe })?;
    let Some(signer) = found.signer(&args.signers, &component.digest) else {
        let message = format!("no signature in {} is one of these signers' over {}", beside.display(), digest::hex(&component.digest));
        return Err(Failure { message, exit: Exit::Unsafe });
    };
    let line = format!("{} signed by {signer}", digest::hex(&component.digest));
    Signed::new(Some(&component.digest), signer, &beside).show(args.output, &line)
}

/// Reads a secret key that nobody else may read.
fn secret(path: &Path) -> Result<SecretKey, Failure> {
    let failed = |why: String| Failure::new(format!("cannot use the key {}: {why}", path.display()));
    let file = fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    let meta = file.metadata().map_err(|error| failed(error.to_string()))?;
    if meta.mode() & 0o077 != 0 {
        return Err(failed("others may use it; its mode must end in 00".to_owned()));
    }
    let mut text = String::new();
    file.take(KEY_BYTES).read_to_string(&mut text).map_err(|error| failed(error.kind().to_string()))?;
    SecretKey::parse(&text).map_err(|error| failed(error.to_string()))
}
