//! Ports in memory, and a forwarder on them.

use std::collections::VecDeque;

use service_config::NodeConfig;
use service_core::{Counters, Instant};
use service_route::{Forwarder, Frame, Ports};

/// A frame, and what its wire has of it.
#[derive(Clone, Debug)]
pub struct Bytes {
    pub bytes: Vec<u8>,
    pub wire: Option<usize>,
}

impl Bytes {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, wire: None }
    }
}

/// How much of a frame the forwarder may see: what a driver is sure to have in one piece.
const HEAD: usize = 128;

impl Frame for Bytes {
    fn head(&self) -> &[u8] {
        &self.bytes[..self.bytes.len().min(HEAD)]
    }

    fn head_mut(&mut self) -> &mut [u8] {
        // What the forwarder allocated is all head.
        let head = if self.wire == Some(0) { self.bytes.len() } else { HEAD };
        let end = self.bytes.len().min(head);
        &mut self.bytes[..end]
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn wire_len(&self) -> usize {
        match self.wire {
            Some(length) if length > 0 => length,
            _ => self.bytes.len(),
        }
    }
}

#[derive(Default)]
pub struct Memory {
    pub sent: VecDeque<(usize, Vec<u8>)>,
    /// Frames that came and neither left nor were given back.
    pub held: isize,
    pub exhausted: bool,
}

impl Ports for Memory {
    type Frame = Bytes;

    fn allocate(&mut self, length: usize) -> Option<Bytes> {
        if self.exhausted {
            return None;
        }
        assert!(length <= 1514);
        self.held += 1;
        Some(Bytes { bytes: vec![0; length], wire: Some(0) })
    }

    fn send(&mut self, port: usize, frame: Bytes) {
        self.held -= 1;
        self.sent.push_back((port, frame.bytes));
    }

    fn discard(&mut self, _: Bytes) {
        self.held -= 1;
    }
}

/// A forwarder and its ports.
pub struct Node {
    pub forwarder: Forwarder<Bytes>,
    pub ports: Memory,
}

impl Node {
    pub fn new(document: &str) -> Self {
        let config = NodeConfig::parse(document.as_bytes()).expect("valid");
        let forwarder = Forwarder::new(&config, 42).expect("fits");
        Self { forwarder, ports: Memory::default() }
    }

    pub fn receive(&mut self, now: Instant, port: usize, frame: Bytes) {
        self.ports.held += 1;
        self.forwarder.receive(now, port, frame, &mut self.ports);
    }

    pub fn counter(&self, name: &str) -> u64 {
        let mut found = None;
        self.forwarder.visit(&mut |counter, value| {
            if counter.to_string() == name {
                found = Some(value);
            }
        });
        found.unwrap_or_else(|| panic!("no counter {name}"))
    }
}

/// The two forwarders of the proof of concept.
pub fn firewall() -> Node {
    Node::new(include_str!("../../../config/tests/documents/firewall.json"))
}

pub fn router() -> Node {
    Node::new(include_str!("../../../config/tests/documents/router.json"))
}

/// The router of the proof of concept, without its look at reverse paths.
pub fn believing_router() -> Node {
    let strict = include_str!("../../../config/tests/documents/router.json");
    Node::new(&strict.replace(r#""reverse_path":"strict""#, r#""reverse_path":"off""#))
}
