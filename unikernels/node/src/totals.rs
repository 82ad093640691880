//! The counters of a node: its service's and its interfaces'.

use machine::Nic;
use service_core::{CounterName, Counters};

/// A service's counters, followed by the sums over the node's interfaces.
pub struct Totals<'a> {
    /// The service's.
    pub service: &'a dyn Counters,
    /// The interfaces.
    pub nics: &'a [Nic],
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
        for (name, value) in ["rx_packets", "tx_packets", "tx_dropped"].into_iter().zip(sums) {
            visit(CounterName::fixed(name), value);
        }
    }
}
