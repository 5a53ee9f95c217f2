use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use multiaddr::{Multiaddr, Protocol};

/// Whose an address is, so far as it tells: what one operator commonly holds is one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Network {
    /// The first 16 bits of an IPv4 address.
    V4([u8; 2]),
    /// The first 32 bits of an IPv6 address.
    V6([u8; 4]),
    /// All that is found by its name in the DNS: names cost nothing, so many are worth one.
    Named,
}

impl Network {
    /// The network of an address at which anybody reaches the peer itself; `None` of any other: relayed,
    /// private, loopback, or of no network at all.
    pub(super) fn of(address: &Multiaddr) -> Option<Self> {
        if address.iter().any(|protocol| protocol == Protocol::P2pCircuit) {
            return None;
        }
        match address.iter().next()? {
            Protocol::Ip4(ip) => Self::of_ip(ip.into()),
            Protocol::Ip6(ip) => Self::of_ip(ip.to_canonical()),
            Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) | Protocol::Dnsaddr(_) => {
                Some(Self::Named)
            }
            _ => None,
        }
    }

    fn of_ip(ip: IpAddr) -> Option<Self> {
        match ip {
            IpAddr::V4(ip) => is_public_v4(ip).then(|| {
                let [a, b, ..] = ip.octets();
                Self::V4([a, b])
            }),
            IpAddr::V6(ip) => is_public_v6(ip).then(|| {
                let [a, b, c, d, ..] = ip.octets();
                Self::V6([a, b, c, d])
            }),
        }
    }
}

/// Outside all that the [IANA registry](https://www.iana.org/assignments/iana-ipv4-special-registry) keeps
/// from the public internet.
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let reserved = match ip.octets() {
        [0 | 240..=255, ..] | [192, 0, 0, _] => true,
        [100, b, ..] => b & 0xC0 == 64,
        [198, b, ..] => b & 0xFE == 18,
        _ => false,
    };
    !(reserved
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation())
}

/// In 2000::/3, which is all that is given to networks of the public internet, and not in what is for
/// documents.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    first & 0xE000 == 0x2000 && (first, second) != (0x2001, 0x0DB8) && first != 0x3FFF
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> Option<Network> {
        Network::of(&address.parse().unwrap())
    }

    #[test]
    fn a_public_address_is_of_the_network_that_it_begins_with() {
        for (address, expected) in [
            ("/ip4/147.75.83.83/tcp/4001", Network::V4([147, 75])),
            ("/ip4/147.75.1.2/udp/4001/quic-v1", Network::V4([147, 75])),
            ("/ip4/172.15.0.1/tcp/1", Network::V4([172, 15])),
            ("/ip4/172.32.0.1/tcp/1", Network::V4([172, 32])),
            ("/ip4/100.63.255.255/tcp/1", Network::V4([100, 63])),
            ("/ip4/100.128.0.0/tcp/1", Network::V4([100, 128])),
            ("/ip4/198.17.0.1/tcp/1", Network::V4([198, 17])),
            ("/ip4/198.20.0.1/tcp/1", Network::V4([198, 20])),
            ("/ip4/192.0.1.1/tcp/1", Network::V4([192, 0])),
            ("/ip4/223.255.255.255/tcp/1", Network::V4([223, 255])),
            ("/ip6/2604:1380:4602:5c00::3/tcp/4001", Network::V6([0x26, 0x04, 0x13, 0x80])),
            ("/ip6/::ffff:147.75.83.83/tcp/4001", Network::V4([147, 75])),
            ("/dns4/example.com/tcp/4001", Network::Named),
            ("/dnsaddr/bootstrap.libp2p.io", Network::Named),
        ] {
            assert_eq!(network(address), Some(expected), "{address}");
        }
    }

    #[test]
    fn other_addresses_are_of_none() {
        let relay = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            assert_eq!(network(&format!("/ip4/{ip}/tcp/4001")), None, "{ip}");
            assert_eq!(network(&format!("/ip6/::ffff:{ip}/tcp/4001")), None, "{ip}");
        }
        for ip in [
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "64:ff9b::1",
        ] {
            assert_eq!(network(&format!("/ip6/{ip}/tcp/4001")), None, "{ip}");
        }
        assert_eq!(network(&format!("/ip4/147.75.83.83/tcp/4001/p2p/{relay}/p2p-circuit")), None);
        assert_eq!(
            network(&format!("/dns4/example.com/tcp/443/wss/p2p/{relay}/p2p-circuit")),
            None
        );
        assert_eq!(network("/memory/1"), None);
        assert_eq!(network("/ip6zone/eth0/ip6/fe80::1/tcp/1"), None);
        assert_eq!(Network::of(&Multiaddr::empty()), None);
    }
}
