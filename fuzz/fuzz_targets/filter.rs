//! Any policy and any packets: the classifier decides as the list of rules does, and what no rule
//! permits passes only on a flow that one has permitted.
#![no_main]
#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::net::IpAddr;

use fuzz::packet::{Host, Packet};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use service_config::{
    Action, Endpoint, Filter as Policy, Interface, Match, NodeConfig, Prefix, Protocol, Rule,
};
use service_core::{Duration, Instant};
use service_filter::{Cause, Filter, Transport, Upper, Verdict};
use service_oracle::Linear;

#[derive(Arbitrary, Debug)]
struct Input {
    stateful: bool,
    permit_by_default: bool,
    rules: Vec<Asked>,
    packets: Vec<Arrival>,
}

#[derive(Arbitrary, Debug)]
struct Asked {
    permit: bool,
    log: bool,
    from: Vec<Place>,
    to: Vec<Place>,
    matches: Vec<Content>,
}

#[derive(Arbitrary, Debug)]
enum Place {
    Interface(bool),
    Prefix { host: Host, six: bool, length: u8 },
}

#[derive(Arbitrary, Debug)]
enum Content {
    Ported { udp: bool, ports: Vec<(u16, u16)> },
    Typed { six: bool, types: Vec<u8> },
}

#[derive(Arbitrary, Debug)]
struct Arrival {
    packet: Packet,
    ingress: bool,
    egress: Option<bool>,
    seconds: u8,
}

/// Few enough for many runs a second.
const MOST: usize = 64;

fuzz_target!(|input: Input| {
    let interfaces = NodeConfig::parse(fuzz::FIREWALL.as_bytes()).expect("valid").interfaces;
    let policy = input.policy(&interfaces);
    let mut filter = Filter::new(&policy, &interfaces, 7).expect("fits");
    let linear = Linear::new(&policy, &interfaces);
    let mut flows = HashSet::new();
    let mut before = Vec::new();
    let mut now = Instant::ZERO;
    for Arrival { packet, ingress, egress, seconds } in input.packets.into_iter().take(MOST) {
        now += Duration::from_secs(seconds.into());
        let bytes = packet.bytes(&before);
        let (ingress, egress) = (usize::from(ingress), egress.map(usize::from));
        let verdict = filter.check(now, ingress, egress, &bytes, bytes.len());
        let Ok(packet) = service_filter::Packet::parse(&bytes, bytes.len()) else {
            assert_eq!(verdict, Verdict::Drop { cause: Cause::Invalid, log: false });
            continue;
        };
        let listed = match linear.first(ingress, egress, &packet) {
            Some(index) if policy.rules[index].action == Action::Permit => Verdict::Accept,
            Some(index) => {
                Verdict::Drop { cause: Cause::Rule(index), log: policy.rules[index].log }
            }
            None if policy.default == Action::Permit => Verdict::Accept,
            None => Verdict::Drop { cause: Cause::Default, log: true },
        };
        match verdict {
            _ if verdict == listed => {
                if verdict == Verdict::Accept {
                    flows.insert(ends(&packet));
                }
            }
            Verdict::Accept => {
                let about = [Some(ends(&packet)), quoted(&packet, &bytes)];
                let known = about.iter().flatten().any(|flow| flows.contains(flow));
                assert!(policy.stateful && known, "{packet:?} belongs to no flow");
            }
            Verdict::Drop { cause: Cause::Invalid | Cause::Full, .. } => assert!(policy.stateful),
            Verdict::Drop { .. } => {
                panic!("{verdict:?} for {packet:?}, and by the list {listed:?}")
            }
        }
        before.push(bytes);
    }
});

/// What a flow's packets have in common: protocol and both ends, in no order.
type Ends = (u8, [(IpAddr, u16); 2]);

fn ends(packet: &service_filter::Packet) -> Ends {
    let (source, destination) = match packet.transport {
        Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
            (source, destination)
        }
        Transport::Icmp { identifier, .. } => (identifier, identifier),
        Transport::Fragment | Transport::Other => (0, 0),
    };
    let mut both = [(packet.source, source), (packet.destination, destination)];
    both.sort_unstable();
    (packet.protocol, both)
}

/// The flow of the packet that an ICMP error quotes, which may be cut short behind its ports.
fn quoted(error: &service_filter::Packet, bytes: &[u8]) -> Option<Ends> {
    let quote = match error.protocol {
        1 => bytes.get(usize::from(bytes[0] & 15) * 4 + 8..)?,
        58 => bytes.get(Upper::find(bytes, bytes.len()).ok()?.offset + 8..)?,
        _ => return None,
    };
    let octets = |from: usize| Some(u16::from_be_bytes([*quote.get(from)?, *quote.get(from + 1)?]));
    let (protocol, offset, source, destination): (u8, usize, IpAddr, IpAddr) =
        if quote.first()? >> 4 == 4 {
            let address = |from: usize| quote.get(from..)?.first_chunk::<4>().copied();
            let offset = usize::from(quote[0] & 15) * 4;
            (*quote.get(9)?, offset, address(12)?.into(), address(16)?.into())
        } else {
            let address = |from: usize| quote.get(from..)?.first_chunk::<16>().copied();
            let upper = Upper::find(quote, usize::MAX).ok()?;
            (upper.protocol, upper.offset, address(8)?.into(), address(24)?.into())
        };
    let ports = match protocol {
        6 | 17 => (octets(offset)?, octets(offset + 2)?),
        1 | 58 => (octets(offset + 4)?, octets(offset + 4)?),
        _ => (0, 0),
    };
    let mut both = [(source, ports.0), (destination, ports.1)];
    both.sort_unstable();
    (source == error.destination).then_some((protocol, both))
}

impl Input {
    fn policy(&self, interfaces: &[Interface]) -> Policy {
        let action = |permit| if permit { Action::Permit } else { Action::Deny };
        let rule = |(index, asked): (usize, &Asked)| Rule {
            name: format!("r{index}"),
            action: action(asked.permit),
            log: asked.log,
            from: asked.from.iter().take(MOST).map(|place| place.endpoint(interfaces)).collect(),
            to: asked.to.iter().take(MOST).map(|place| place.endpoint(interfaces)).collect(),
            matches: asked.matches.iter().take(MOST).map(Content::matching).collect(),
        };
        Policy {
            default: action(self.permit_by_default),
            stateful: self.stateful,
            rules: self.rules.iter().take(2 * MOST).enumerate().map(rule).collect(),
        }
    }
}

impl Place {
    fn endpoint(&self, interfaces: &[Interface]) -> Endpoint {
        match *self {
            Self::Interface(index) => {
                Endpoint::Interface(interfaces[usize::from(index)].name.clone())
            }
            Self::Prefix { host, six, length } => {
                let most = if six { 128 } else { 32 };
                Endpoint::Prefix(Prefix::holding(host.address(six), length % (most + 1)))
            }
        }
    }
}

impl Content {
    fn matching(&self) -> Match {
        match self {
            Self::Ported { udp, ports } => Match {
                protocol: if *udp { Protocol::Udp } else { Protocol::Tcp },
                ports: ports.iter().take(MOST).map(|(a, b)| (*a.min(b), *a.max(b))).collect(),
                types: Vec::new(),
            },
            Self::Typed { six, types } => Match {
                protocol: if *six { Protocol::Icmpv6 } else { Protocol::Icmp },
                ports: Vec::new(),
                types: types.clone(),
            },
        }
    }
}
