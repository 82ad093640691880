//! Frames into firewall and router: no panic, nothing lost, and what leaves is either the node's
//! own or what came in with one hop less, from where and to where a router may forward; without
//! flows, only what the list of rules permits.
#![no_main]
#![forbid(unsafe_code)]

use std::sync::LazyLock;

use fuzz::checks::{Arrived, Identity};
use fuzz::packet::{Host, Packet};
use fuzz::ports::{Bytes, Memory};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use service_config::{Action, NodeConfig};
use service_core::{Duration, Instant};
use service_oracle::{Linear, longest, neighbours};
use service_route::{Forwarder, limits};

#[derive(Arbitrary, Debug)]
enum Node {
    Firewall,
    /// The same without flows.
    List,
    Router,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Packet {
        port: bool,
        to_all: bool,
        packet: Packet,
    },
    Frame {
        port: bool,
        bytes: Vec<u8>,
    },
    Wait {
        milliseconds: u16,
    },
    /// There is no memory for own frames, or there is again.
    Exhausted(bool),
}

static CONFIGS: LazyLock<[NodeConfig; 3]> = LazyLock::new(|| {
    let list = fuzz::FIREWALL.replace(r#""stateful":true"#, r#""stateful":false"#);
    [fuzz::FIREWALL, &list, fuzz::ROUTER]
        .map(|document| NodeConfig::parse(document.as_bytes()).expect("valid"))
});

/// Steps of one run; each may take a thousand frames' time to look at.
const STEPS: usize = 64;

fuzz_target!(|input: (Node, Vec<Step>)| {
    let (node, steps) = input;
    let mut world = World::new(&CONFIGS[node as usize]);
    for step in steps.into_iter().take(STEPS) {
        world.take(step);
    }
    world.end();
});

struct World<'a> {
    config: &'a NodeConfig,
    identity: Identity,
    forwarder: Forwarder<Bytes>,
    ports: Memory,
    now: Instant,
    arrived: Arrived,
    /// The packets of earlier steps, for errors to quote.
    packets: Vec<Vec<u8>>,
}

impl<'a> World<'a> {
    fn new(config: &'a NodeConfig) -> Self {
        Self {
            config,
            identity: Identity::new(config),
            forwarder: Forwarder::new(config, 7).expect("fits"),
            ports: Memory::default(),
            now: Instant::ZERO + Duration::from_secs(1),
            arrived: Arrived::default(),
            packets: Vec::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Packet { port, to_all, packet } => {
                let port = usize::from(port);
                let bytes = packet.bytes(&self.packets);
                let mac = self.config.interfaces[port].mac.octets();
                let mut frame = if to_all { vec![0xff; 6] } else { mac.to_vec() };
                frame.extend_from_slice(&[2, 0, 0, 0, 0xff, port as u8]);
                frame.extend_from_slice(if packet.six { &[0x86, 0xdd] } else { &[8, 0] });
                frame.extend_from_slice(&bytes);
                self.packets.push(bytes);
                self.receive(port, frame);
            }
            Step::Frame { port, bytes } => self.receive(usize::from(port), bytes),
            Step::Wait { milliseconds } => self.wait(Duration::from_millis(milliseconds.into())),
            Step::Exhausted(exhausted) => self.ports.exhausted = exhausted,
        }
    }

    /// Gives the node a frame, and its questions for neighbours their answers.
    fn receive(&mut self, port: usize, frame: Vec<u8>) {
        let mut coming = vec![(port, frame)];
        while let Some((port, frame)) = coming.pop() {
            self.arrived.note(port, &frame);
            self.ports.held += 1;
            self.forwarder.receive(self.now, port, Bytes::new(frame), &mut self.ports);
            self.forwarder.poll(self.now, &mut self.ports);
            assert!(self.ports.held <= limits::PENDING as isize, "more frames wait than may");
            for (port, frame) in std::mem::take(&mut self.ports.sent) {
                self.check(port, &frame);
                coming.extend(
                    neighbours::answer(&frame, port, &known()).map(|answer| (port, answer)),
                );
            }
        }
        while let Some(event) = self.forwarder.take_drop_event() {
            assert!(self.forwarder.describe(&event).is_some());
        }
    }

    fn wait(&mut self, span: Duration) {
        self.now += span;
        self.forwarder.poll(self.now, &mut self.ports);
        for (port, frame) in std::mem::take(&mut self.ports.sent) {
            self.check(port, &frame);
        }
    }

    fn check(&self, egress: usize, frame: &[u8]) {
        let ingress = self.arrived.check(&self.identity, egress, frame);
        let Some(policy) = self.config.filter.as_ref().filter(|policy| !policy.stateful) else {
            return;
        };
        if ingress.is_empty() {
            return;
        }
        let linear = Linear::new(policy, &self.config.interfaces);
        let packet = service_filter::Packet::parse(&frame[14..], frame.len() - 14).expect("valid");
        assert_eq!(self.egress(packet.destination), Some(egress), "it left by another port");
        let permitted = |port: &usize| {
            let rule = linear.first(*port, Some(egress), &packet);
            rule.map_or(policy.default, |rule| policy.rules[rule].action) == Action::Permit
        };
        assert!(ingress.iter().any(permitted), "no rule permits {packet:?}");
    }

    /// The port that a destination lies behind, by all prefixes looked at.
    fn egress(&self, destination: std::net::IpAddr) -> Option<usize> {
        let attached = self.config.interfaces.iter().enumerate().flat_map(|(port, interface)| {
            interface.addresses.iter().map(move |own| (own.prefix(), port))
        });
        let routes = self
            .config
            .routes
            .iter()
            .filter_map(|route| Some((route.prefix, self.config.interface(&route.interface)?)));
        longest(&attached.chain(routes).collect::<Vec<_>>(), destination)
    }

    /// Lets all that waits come to its end: no frame is held then.
    fn end(mut self) {
        for _ in 0..1000 {
            let Some(due) = self.forwarder.poll(self.now, &mut self.ports) else { break };
            assert!(due > self.now, "what is due was not done");
            self.now = due;
            self.wait(Duration::ZERO);
        }
        self.ports.exhausted = false;
        self.wait(Duration::from_secs(60));
        assert_eq!(self.ports.held, 0, "frames that nobody gave back");
    }
}

/// The neighbours that answer.
fn known() -> Vec<std::net::IpAddr> {
    let hosts = [Host::Client, Host::Web, Host::Dns, Host::Router, Host::Node];
    hosts.iter().flat_map(|host| [false, true].map(|six| host.address(six))).collect()
}
