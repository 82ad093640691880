//! What a forwarder counts.

use service_core::CounterName;

/// Why a frame ends here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Reason {
    /// Its hardware address is another station's, or everyone's.
    Station,
    /// It is neither ARP nor IP.
    Protocol,
    /// It is malformed ARP, IP or neighbour discovery.
    Malformed,
    /// Its addresses are none that can be forwarded, or it claims the node's own.
    Martian,
    /// Its source is reached by another interface, or not at all.
    Spoofed,
    /// It is routed by its source, or its options cannot be read.
    SourceRoute,
    /// The filter drops it.
    Filtered,
    /// No route leads to its destination.
    NoRoute,
    /// Its time to live, or hop limit, is over.
    Expired,
    /// It does not fit the next link, and no device divides it.
    Oversize,
    /// Its next hop does not answer, or too much waits for it.
    Unresolved,
    /// It was for the node itself and asked for no reply that it gives.
    Local,
    /// There was no memory for a reply.
    Memory,
}

const NAMES: [&str; 13] = [
    "station",
    "protocol",
    "malformed",
    "martian",
    "spoofed",
    "source_route",
    "filtered",
    "no_route",
    "expired",
    "oversize",
    "unresolved",
    "local",
    "memory",
];

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub received: u64,
    pub sent: u64,
    pub forwarded: u64,
    pub errors: u64,
    dropped: [u64; NAMES.len()],
}

impl Counts {
    pub(crate) fn drop(&mut self, reason: Reason) {
        self.dropped[reason as usize] += 1;
    }

    pub(crate) fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64)) {
        visit(CounterName::fixed("rx_packets"), self.received);
        visit(CounterName::fixed("tx_packets"), self.sent);
        visit(CounterName::fixed("forwarded"), self.forwarded);
        visit(CounterName::fixed("icmp_errors"), self.errors);
        visit(CounterName::fixed("dropped"), self.dropped.iter().sum());
        for (name, count) in NAMES.iter().zip(self.dropped) {
            visit(CounterName::of("dropped.", name), count);
        }
    }
}
