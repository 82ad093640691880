//! The filter: flows first, then the rules.

use core::fmt;
use service_config as config;
use service_core::{CounterName, Counters, Instant};

/// What happens to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Accept,
    /// It ends here.
    Drop {
        /// What decided.
        cause: Cause,
        /// Whether the console is told.
        log: bool,
    },
}

/// What decided that a packet is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The rule at this index.
    Rule(usize),
    /// No rule matched.
    Default,
    /// The packet's headers are invalid.
    Invalid,
    /// A rule permitted it but the flow table is full of established flows.
    Full,
}

/// A policy in force at a node.
#[derive(Debug)]
pub struct Filter {}

impl Filter {
    /// Compiles a policy for a node with `interfaces`; `seed` is a number that outsiders cannot
    /// guess.
    pub fn new(
        _policy: &config::Filter,
        _interfaces: &[config::Interface],
        _seed: u64,
    ) -> Result<Self, FilterError> {
        Ok(Self {})
    }

    /// Decides on the packet that begins in `packet` (all headers at least) and is `length` bytes
    /// long, which came in by interface `ingress` and would leave by `egress`, `None` if it is
    /// for the node itself. Interfaces are indices into the configuration.
    pub fn check(
        &mut self,
        _now: Instant,
        _ingress: usize,
        _egress: Option<usize>,
        _packet: &[u8],
        _length: usize,
    ) -> Verdict {
        Verdict::Drop { cause: Cause::Default, log: true }
    }

    /// The name of what decided, for the console: a rule's name, `default`, `invalid`, `full`.
    pub fn cause_name(&self, _cause: Cause) -> &str {
        "default"
    }
}

impl Counters for Filter {
    fn visit(&self, _visit: &mut dyn FnMut(CounterName<'_>, u64)) {}
}

/// A policy that does not fit the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterError;

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the policy names an interface that the node does not have")
    }
}

impl core::error::Error for FilterError {}
