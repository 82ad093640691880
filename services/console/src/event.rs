//! What a node says.

use core::fmt::{self, Display};
use core::net::IpAddr;

use service_core::{Counters, Instant, Quoted};

/// One line of the console; displays without its line feed, and without a time.
#[derive(Clone, Copy)]
pub enum Event<'a> {
    /// The node has read its configuration.
    Boot {
        /// The node's name.
        node: &'a str,
        /// The node's kind.
        kind: &'a str,
        /// The topology's name.
        topology: &'a str,
        /// The first digits of the configuration's digest, where the node knows them.
        config: Option<&'a str>,
    },
    /// The node serves.
    Ready {
        /// The node's name.
        node: &'a str,
        /// The node's kind.
        kind: &'a str,
    },
    /// What the node has counted since boot.
    Counters {
        /// The node's name.
        node: &'a str,
        /// The counters, in the order they are written.
        counters: &'a dyn Counters,
    },
    /// A packet was dropped by a rule that logs, or by default.
    Drop {
        /// The node's name.
        node: &'a str,
        /// The packet.
        drop: Dropped<'a>,
    },
    /// The node stops.
    Fatal {
        /// The node's name, empty before the configuration is read.
        node: &'a str,
        /// Why.
        reason: &'a dyn Display,
    },
}

/// What decides in place of a rule where the source of a packet is forged: the topology's word for it, which is no
/// name of a rule.
pub const REVERSE_PATH: &str = "reverse_path";

/// A dropped packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped<'a> {
    /// The rule's name, `default` where none matched, [`REVERSE_PATH`].
    pub rule: &'a str,
    /// The interface it came in by.
    pub interface: &'a str,
    /// The protocol's name, `ip` and its number where it has none.
    pub protocol: Protocol,
    /// Where it said it came from.
    pub source: IpAddr,
    /// Where it wanted to go.
    pub destination: IpAddr,
    /// The destination port or the ICMP type, where there is one.
    pub port: Option<u16>,
}

/// A protocol, by the name or number that the console gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// One that has a name.
    Named(&'static str),
    /// Any other, by its number in the IP header.
    Number(u8),
}

impl Protocol {
    /// The protocol with this number in an IP header.
    #[must_use]
    pub const fn of(number: u8) -> Self {
        match number {
            1 => Self::Named("icmp"),
            6 => Self::Named("tcp"),
            17 => Self::Named("udp"),
            58 => Self::Named("icmpv6"),
            other => Self::Number(other),
        }
    }
}

impl Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Number(number) => write!(f, "ip-{number}"),
        }
    }
}

/// An event with the time since the node started, in microseconds, at the end of its line.
#[derive(Clone, Copy)]
pub struct Timed<'a> {
    event: Event<'a>,
    uptime: Instant,
}

impl<'a> Event<'a> {
    /// The line of an event that happens now.
    #[must_use]
    pub const fn at(self, uptime: Instant) -> Timed<'a> {
        Timed { event: self, uptime }
    }

    /// All of the line but its end.
    fn begin(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Boot { node, kind, topology, config } => {
                open(f, "boot", node)?;
                write!(f, r#","kind":{},"topology":{}"#, Quoted(kind), Quoted(topology))?;
                if let Some(digest) = config {
                    write!(f, r#","config":{}"#, Quoted(digest))?;
                }
            }
            Self::Ready { node, kind } => {
                open(f, "ready", node)?;
                write!(f, r#","kind":{}"#, Quoted(kind))?;
            }
            Self::Counters { node, counters } => {
                open(f, "counters", node)?;
                f.write_str(r#","counters":{"#)?;
                let mut result = Ok(());
                let mut separator = "";
                counters.visit(&mut |name, value| {
                    // Thousands of rules that never matched would be all that a node has time to write.
                    if result.is_ok() && (value > 0 || !name.is_own()) {
                        result = write!(f, "{separator}{}:{value}", Quoted(name));
                        separator = ",";
                    }
                });
                result?;
                f.write_str("}")?;
            }
            Self::Drop { node, drop } => {
                open(f, "drop", node)?;
                write!(f, r#","rule":{}"#, Quoted(drop.rule))?;
                write!(f, r#","interface":{}"#, Quoted(drop.interface))?;
                write!(f, r#","protocol":{}"#, Quoted(drop.protocol))?;
                write!(f, r#","source":"{}""#, drop.source)?;
                write!(f, r#","destination":"{}""#, drop.destination)?;
                if let Some(port) = drop.port {
                    write!(f, r#","port":{port}"#)?;
                }
            }
            Self::Fatal { node, reason } => {
                open(f, "fatal", node)?;
                write!(f, r#","reason":{}"#, Quoted(reason))?;
            }
        }
        Ok(())
    }
}

impl Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.begin(f)?;
        f.write_str("}")
    }
}

impl Display for Timed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.event.begin(f)?;
        write!(f, r#","uptime_us":{}}}"#, self.uptime.micros())
    }
}

fn open(f: &mut fmt::Formatter<'_>, event: &str, node: &str) -> fmt::Result {
    write!(f, r#"{{"event":"{event}","node":{}"#, Quoted(node))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::prelude::*;
    use service_core::CounterName;
    use std::format;
    use std::string::{String, ToString};

    struct Two;

    impl Counters for Two {
        fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64)) {
            visit(CounterName::fixed("forwarded"), 7);
            visit(CounterName::of("rule.", "web \"in\""), 1);
            visit(CounterName::of("rule.", "never"), 0);
            visit(CounterName::fixed("dropped"), 0);
        }
    }

    #[test]
    fn lines_are_as_the_contract_has_them() {
        let lines = [
            (
                Event::Boot { node: "web", kind: "web", topology: "poc", config: Some("0123") },
                r#"{"event":"boot","node":"web","kind":"web","topology":"poc","config":"0123"}"#,
            ),
            (
                Event::Boot { node: "web", kind: "web", topology: "poc", config: None },
                r#"{"event":"boot","node":"web","kind":"web","topology":"poc"}"#,
            ),
            (
                Event::Ready { node: "web", kind: "web" },
                r#"{"event":"ready","node":"web","kind":"web"}"#,
            ),
            (
                Event::Counters { node: "r", counters: &Two },
                r#"{"event":"counters","node":"r","counters":{"forwarded":7,"rule.web \"in\"":1,"dropped":0}}"#,
            ),
            (
                Event::Drop {
                    node: "firewall",
                    drop: Dropped {
                        rule: "no-echo",
                        interface: "external",
                        protocol: Protocol::Named("icmp"),
                        source: "192.0.2.100".parse().unwrap(),
                        destination: "203.0.113.80".parse().unwrap(),
                        port: Some(8),
                    },
                },
                concat!(
                    r#"{"event":"drop","node":"firewall","rule":"no-echo","interface":"external","#,
                    r#""protocol":"icmp","source":"192.0.2.100","destination":"203.0.113.80","#,
                    r#""port":8}"#
                ),
            ),
            (
                Event::Fatal { node: "dns", reason: &"line 1\n\t\"two\"" },
                r#"{"event":"fatal","node":"dns","reason":"line 1\n\u0009\"two\""}"#,
            ),
        ];
        for (event, line) in lines {
            assert_eq!(event.to_string(), line);
            let timed = line.strip_suffix('}').unwrap().to_string() + r#","uptime_us":1234}"#;
            assert_eq!(event.at(Instant::from_micros(1234)).to_string(), timed);
        }
    }

    proptest! {
        #[test]
        fn any_reason_is_valid_json_on_one_line(reason in any::<String>()) {
            let line = Event::Fatal { node: "n", reason: &reason }.to_string();
            prop_assert!(!line.contains('\n'));
            let read: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(read["reason"].as_str(), Some(reason.as_str()));
            let quoted = format!("{}", Quoted(&reason));
            prop_assert_eq!(quoted, serde_json::from_str::<serde_json::Value>(&line)
                .map(|_| line[r#"{"event":"fatal","node":"n","reason":"#.len()..line.len() - 1].to_string())
                .unwrap());
        }
    }
}
