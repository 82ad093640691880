//! What a web server counts.

use service_core::CounterName;

/// Counts over all connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// Requests answered, refusals included.
    pub requests: u64,
    /// Answers of class 2xx.
    pub success: u64,
    /// Answers of class 3xx.
    pub redirection: u64,
    /// Answers of class 4xx.
    pub client_error: u64,
    /// Answers of class 5xx.
    pub server_error: u64,
}

impl Counters {
    pub(crate) fn answered(&mut self, status: u16) {
        self.requests += 1;
        match status {
            500.. => self.server_error += 1,
            400.. => self.client_error += 1,
            300.. => self.redirection += 1,
            _ => self.success += 1,
        }
    }
}

impl service_core::Counters for Counters {
    fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64)) {
        visit(CounterName::fixed("http_connections"), self.connections);
        visit(CounterName::fixed("http_requests"), self.requests);
        visit(CounterName::fixed("http_2xx"), self.success);
        visit(CounterName::fixed("http_3xx"), self.redirection);
        visit(CounterName::fixed("http_4xx"), self.client_error);
        visit(CounterName::fixed("http_5xx"), self.server_error);
    }
}
