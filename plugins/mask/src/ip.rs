//! Cuts IP addresses down to the network they are in. It must not keep anything of what is no address.
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::keep::whole;

/// How many bits of an address stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefixes {
    /// Of IPv4, 0 to 31.
    pub v4: u32,
    /// Of IPv6, 0 to 127.
    pub v6: u32,
}

impl Prefixes {
    /// Appends the network's first address, IPv6 as RFC 5952 writes it. Text that is no address is masked whole. An
    /// IPv6 address that carries an IPv4 address (`::ffff:192.0.2.1`) is IPv6.
    pub fn mask(self, out: &mut Vec<u8>, value: &[u8]) {
        let start = out.len();
        let text = std::str::from_utf8(value).unwrap_or_default();
        let written = match (text.parse::<Ipv4Addr>(), text.parse::<Ipv6Addr>()) {
            (Ok(address), _) => write!(out, "{}", Ipv4Addr::from_bits(address.to_bits() & ones(self.v4, 32) as u32)),
            (_, Ok(address)) => write!(out, "{}", Ipv6Addr::from_bits(address.to_bits() & ones(self.v6, 128))),
            _ => {
                whole(out, value);
                return;
            }
        };
        if written.is_err() {
            out.truncate(start);
        }
    }
}

/// The upper `n` of the lower `width` bits.
fn ones(n: u32, width: u32) -> u128 {
    let all = u128::MAX >> (128 - width);
    if n >= width { all } else { all & !(all >> n) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_networks() {
        for (v4, v6, value, expected) in [
            (24, 48, "203.0.113.77", "203.0.113.0"),
            (16, 48, "203.0.113.77", "203.0.0.0"),
            (31, 48, "203.0.113.77", "203.0.113.76"),
            (0, 48, "203.0.113.77", "0.0.0.0"),
            (24, 48, "2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
            (24, 56, "2001:DB8:1:2ff::6", "2001:db8:1:200::"),
            (24, 48, "::1", "::"),
            (24, 0, "2001:db8::1", "::"),
            (24, 48, "::ffff:192.0.2.1", "::"),
            (24, 48, "203.0.113.077", "*************"),
            (24, 48, "203.0.113.77:80", "***************"),
            (24, 48, "203.0.113.0/24", "**************"),
            (24, 48, "fe80::1%eth0", "************"),
            (24, 48, "host", "****"),
            (24, 48, "", ""),
        ] {
            let mut out = b"before ".to_vec();
            Prefixes { v4, v6 }.mask(&mut out, value.as_bytes());
            assert_eq!(String::from_utf8_lossy(&out), format!("before {expected}"), "{value}");
        }
    }
}
