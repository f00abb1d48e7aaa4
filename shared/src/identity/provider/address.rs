//! Which addresses are the Internet's, and not those of a network that we stand in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of IPv4 that are not the Internet (IANA's special-purpose registry, RFC 6890 and its updates), with the
/// length of their prefix. 169.254.169.254, where clouds hand out credentials, is link-local.
const SPECIAL_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Networks of IPv6 inside 2000::/3, the only ones that are given out, that are not the Internet or lead to an IPv4
/// address that nobody checks: protocol assignments with Teredo, documentation, 6to4, documentation again.
const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether the address is one of the Internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let bits = u32::from(address);
            !SPECIAL_V4
                .iter()
                .any(|(network, prefix)| (bits ^ u32::from(*network)) >> (32 - prefix) == 0)
        }
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            let given_out = bits >> 125 == 0b001;
            given_out
                && !SPECIAL_V6
                    .iter()
                    .any(|(network, prefix)| (bits ^ u128::from(*network)) >> (128 - prefix) == 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_addresses_of_the_internet_from_all_others() {
        let check = |addresses: &str, expected: bool| {
            for text in addresses.split_whitespace() {
                let address = text.parse().expect("an address");
                assert_eq!(is_public(address), expected, "{text}");
            }
        };
        check(
            "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0",
            true,
        );
        check(
            "192.167.255.255 192.169.0.0 169.253.255.255 169.255.0.0 198.17.0.0 198.20.0.0 223.255.255.255",
            true,
        );
        check(
            "2606:4700::1111 2a00:1450::1 2001:4860::1 2600:: 2620:fe::fe ::ffff:1.1.1.1",
            true,
        );
        check(
            "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.1.2.3",
            false,
        );
        check(
            "169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.170 192.0.2.1 192.88.99.1",
            false,
        );
        check(
            "192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 240.0.0.1",
            false,
        );
        check(
            "255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 fc00::1 fd00:ec2::254",
            false,
        );
        check(
            "fe80::1 fec0::1 ff02::1 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1::",
            false,
        );
        check("3fff::1 5f00::1 4000::1", false);
    }
}
