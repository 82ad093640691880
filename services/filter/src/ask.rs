//! What rules ask of packets, as ranges of numbers.

use core::net::IpAddr;

use service_config::{Action, Endpoint, Protocol, Rule};

use crate::packet::{ICMP, ICMPV6, Packet, TCP, Transport, UDP};

/// The protocols that rules can name.
const PROTOCOLS: [u8; 4] = [TCP, UDP, ICMP, ICMPV6];
/// Numbers of contents: 65,536 for each of these protocols, then one for the later fragments of
/// each, then one for all else.
const FRAGMENTS: u32 = (PROTOCOLS.len() as u32) << 16;
const OTHER: u32 = FRAGMENTS + PROTOCOLS.len() as u32;

/// The number of a packet's content: its protocol with its destination port or ICMP type.
pub(crate) fn content(packet: &Packet) -> u32 {
    let Some(which) = PROTOCOLS.iter().position(|one| *one == packet.protocol) else {
        return OTHER;
    };
    let which = which as u32;
    match packet.transport {
        Transport::Fragment => FRAGMENTS + which,
        Transport::Other => OTHER,
        Transport::Tcp { .. } | Transport::Udp { .. } | Transport::Icmp { .. } => {
            which << 16 | packet.port().map_or(0, u32::from)
        }
    }
}

/// Whether an end of a packet's way may be this interface.
pub(crate) fn interface(endpoints: &[Endpoint], name: &str) -> bool {
    let named = |one: &Endpoint| matches!(one, Endpoint::Interface(other) if other == name);
    endpoints.is_empty() || endpoints.iter().any(named)
}

/// The IPv4 addresses that an end of a packet's way may have, besides those at interfaces.
pub(crate) fn v4(endpoints: &[Endpoint], each: &mut dyn FnMut(u128, u128)) {
    for endpoint in endpoints {
        if let Endpoint::Prefix(prefix) = endpoint
            && let IpAddr::V4(network) = prefix.network()
        {
            let low = network.to_bits();
            let high = low | u32::MAX.checked_shr(prefix.length().into()).unwrap_or(0);
            each(low.into(), high.into());
        }
    }
}

/// The IPv6 addresses, see [`v4`].
pub(crate) fn v6(endpoints: &[Endpoint], each: &mut dyn FnMut(u128, u128)) {
    for endpoint in endpoints {
        if let Endpoint::Prefix(prefix) = endpoint
            && let IpAddr::V6(network) = prefix.network()
        {
            let low = network.to_bits();
            each(low, low | u128::MAX.checked_shr(prefix.length().into()).unwrap_or(0));
        }
    }
}

/// The numbers of the contents that a rule asks for, if it asks.
pub(crate) fn contents(rule: &Rule, each: &mut dyn FnMut(u128, u128)) {
    for (which, protocol) in (0u32..).zip(PROTOCOLS) {
        let base = which << 16;
        let mut say = |low: u16, high: u16| {
            // One that ends before it begins holds nothing.
            if low <= high {
                each((base + u32::from(low)).into(), (base + u32::from(high)).into());
            }
        };
        let (mut asked, mut whole) = (false, false);
        for one in rule.matches.iter().filter(|one| number(one.protocol) == protocol) {
            asked = true;
            if one.ports.is_empty() && one.types.is_empty() {
                whole = true;
                say(0, u16::MAX);
            }
            one.ports.iter().for_each(|(low, high)| say(*low, *high));
            one.types.iter().for_each(|kind| say((*kind).into(), (*kind).into()));
        }
        if whole || asked && rule.action == Action::Deny {
            each((FRAGMENTS + which).into(), (FRAGMENTS + which).into());
        }
    }
}

const fn number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => TCP,
        Protocol::Udp => UDP,
        Protocol::Icmp => ICMP,
        Protocol::Icmpv6 => ICMPV6,
    }
}
