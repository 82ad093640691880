//! One connection.

use service_core::{Instant, Session};

use crate::{Counters, Server};

/// One TCP connection of a client, RFC 7766.
#[derive(Debug)]
pub struct Connection {
    deadline: Instant,
}

impl Session for Connection {
    type Service = Server;
    type Counters = Counters;

    fn open(_: &mut Counters, now: Instant) -> Self {
        Self { deadline: now }
    }

    fn receive(&mut self, _: &Server, _: &mut Counters, _: Instant, input: &[u8]) -> usize {
        input.len()
    }

    fn transmit<'a>(&'a self, _: &'a Server) -> &'a [u8] {
        &[]
    }

    fn sent(&mut self, _: &Server, _: Instant, _: usize) {}

    fn close_after_flush(&self) -> bool {
        false
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }
}
