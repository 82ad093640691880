//! The counters of a node: its service's and its interfaces'.

use machine::Nic;
use service_core::{CounterName, Counters};

/// A service's counters, followed by the sums over the node's interfaces that it has not counted.
pub struct Totals<'a> {
    /// The service's.
    pub service: &'a dyn Counters,
    /// The interfaces.
    pub nics: &'a [Nic],
    /// Whether the service counts the frames that come and go itself: no name stands twice.
    pub frames_counted: bool,
}

impl Counters for Totals<'_> {
    fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64)) {
        self.service.visit(visit);
        let mut sums = [0u64; 3];
        for nic in self.nics {
            let (received, sent, dropped) = nic.totals();
            for (sum, value) in sums.iter_mut().zip([received, sent, dropped]) {
                *sum = sum.wrapping_add(value);
            }
        }
        let counted = if self.frames_counted { 2 } else { 0 };
        let names = ["rx_packets", "tx_packets", "tx_dropped"];
        for (name, value) in names.into_iter().zip(sums).skip(counted) {
            visit(CounterName::fixed(name), value);
        }
    }
}
