//! What a DNS server counts.

use service_core::CounterName;

/// Counts over both transports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Queries received.
    pub queries: u64,
    /// Responses over UDP.
    pub answers_udp: u64,
    /// Responses over TCP.
    pub answers_tcp: u64,
    /// Names that do not exist.
    pub nxdomain: u64,
    /// Names that are not ours.
    pub refused: u64,
    /// Queries that could not be read.
    pub formerr: u64,
    /// Operations that are not offered.
    pub notimp: u64,
    /// Responses cut short for UDP.
    pub truncated: u64,
    /// Responses cut short because their client has had too many.
    pub rate_truncated: u64,
    /// Responses that were not sent for the same reason.
    pub rate_dropped: u64,
    /// Messages that are not answered at all.
    pub ignored: u64,
}

impl service_core::Counters for Counters {
    fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64)) {
        visit(CounterName::fixed("dns_queries"), self.queries);
        visit(CounterName::fixed("dns_answers_udp"), self.answers_udp);
        visit(CounterName::fixed("dns_answers_tcp"), self.answers_tcp);
        visit(CounterName::fixed("dns_nxdomain"), self.nxdomain);
        visit(CounterName::fixed("dns_refused"), self.refused);
        visit(CounterName::fixed("dns_formerr"), self.formerr);
        visit(CounterName::fixed("dns_notimp"), self.notimp);
        visit(CounterName::fixed("dns_truncated"), self.truncated);
        visit(CounterName::fixed("dns_rate_truncated"), self.rate_truncated);
        visit(CounterName::fixed("dns_rate_dropped"), self.rate_dropped);
        visit(CounterName::fixed("dns_ignored"), self.ignored);
    }
}
