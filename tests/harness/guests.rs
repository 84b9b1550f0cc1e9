//! The plugins of `tests/guests`, as built components, and other versions of them. Must not build them: `build.rs` does.

use super::lab::Lab;
use std::fs;
use std::path::{Path, PathBuf};

/// Puts the component of the guest `guest-NAME` (built as `NAME.wasm`) into the case's plugin directory, by an atomic
/// rename, as a user would.
pub fn install(lab: &Lab, name: &str) {
    place(&lab.dir.join("plugins"), &format!("{name}.wasm"), &component(name));
}

/// The component of the guest `guest-NAME`.
pub fn component(name: &str) -> Vec<u8> {
    let from = Path::new(env!("SLUICE_GUESTS")).join(format!("{}.wasm", name.trim_start_matches("guest-")));
    fs::read(&from).unwrap_or_else(|e| panic!("cannot read guest {}: {e}", from.display()))
}

/// Writes a file of a plugin directory under a hidden name and renames it into place.
pub fn place(dir: &Path, file: &str, bytes: &[u8]) -> PathBuf {
    let (half, whole) = (dir.join(format!(".{file}.part")), dir.join(file));
    fs::write(&half, bytes).expect("the plugin directory is writable");
    fs::rename(&half, &whole).expect("the plugin directory is writable");
    whole
}

/// A version of `guest-stamp` that writes `stamp-NNN`, and the change of one more of its marks: `("begin-well",
/// "begin-hard")`.
pub fn stamp(version: u32, more: Option<(&str, &str)>) -> Vec<u8> {
    let mut bytes = component("guest-stamp");
    let stamp = format!("stamp-{version:03}");
    for (mark, other) in [("stamp-000", stamp.as_str())].into_iter().chain(more) {
        assert_eq!(mark.len(), other.len(), "a mark keeps its length");
        let places: Vec<usize> = (0..bytes.len() - mark.len()).filter(|&at| bytes[at..].starts_with(mark.as_bytes())).collect();
        assert_eq!(places.len(), 1, "{mark} stands in the component once");
        bytes[places[0]..places[0] + mark.len()].copy_from_slice(other.as_bytes());
    }
    bytes
}

/// A component that takes a compiler minutes: one function of many values that all live at once, in nested loops. It
/// exports nothing; whoever wants to know has to compile it first.
pub fn slow_to_compile() -> Vec<u8> {
    const LOCALS: u32 = 5_000;
    const STEPS: u32 = 100_000;
    const LOOPS: usize = 50;
    let mut code = vec![1];
    code.extend(leb(LOCALS));
    code.push(0x7e); // i64
    code.extend([0x03, 0x40].repeat(LOOPS)); // loop
    let mut chance: u32 = 1;
    let mut local = || {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (chance >> 8) % LOCALS
    };
    for step in 0..STEPS {
        for opcode in [0x20, 0x20] {
            code.push(opcode); // local.get
            code.extend(leb(local()));
        }
        code.extend([if step % 2 == 0 { 0x7c } else { 0x7e }, 0x21]); // add or mul, local.set
        code.extend(leb(local()));
    }
    code.extend([0x20, 0x00, 0xa7, 0x0d, 0x00, 0x0b].repeat(LOOPS)); // br_if, end
    code.push(0x0b);
    let body = [leb(code.len() as u32), code].concat();
    let module = [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[0x01, 0x60, 0x00, 0x00]),
        section(3, &[0x01, 0x00]),
        section(10, &[vec![0x01], body].concat()),
    ]
    .concat();
    [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module)].concat()
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [vec![id], leb(content.len() as u32), content.to_vec()].concat()
}

fn leb(mut n: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (n & 0x7f) as u8;
        n >>= 7;
        if n == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
