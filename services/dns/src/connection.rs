//! One TCP connection (RFC 7766): each message is preceded by its length.

use alloc::vec::Vec;
use service_core::{Instant, Session};

use crate::server::{self, Transport};
use crate::{Counters, Server, limits};

/// The length of a message's length.
const PREFIX: usize = 2;
/// What most responses fit in.
const COMMON: usize = 1024;
/// What every response fits in.
const LONGEST: usize = 65535;

/// One TCP connection of a client.
#[derive(Debug)]
pub struct Connection {
    /// The beginning of a query whose end has not arrived.
    partial: Vec<u8>,
    /// Responses, and how much of them was sent.
    output: Vec<u8>,
    sent: usize,
    closing: bool,
    deadline: Instant,
}

impl Connection {
    /// Takes one query from the beginning of `input`; returns how much of it was used.
    fn query(
        &mut self,
        server: &Server,
        counters: &mut Counters,
        now: Instant,
        input: &[u8],
    ) -> usize {
        if self.partial.is_empty()
            && let Some(length) = prefixed(input).filter(|length| *length <= limits::QUERY)
            && let Some(query) = input.get(PREFIX..PREFIX + length)
        {
            self.answer(server, counters, now, query);
            return PREFIX + query.len();
        }
        if self.partial.is_empty() {
            self.deadline = now + limits::REQUEST;
        }
        let before = self.partial.len();
        let end = prefixed(&self.partial).map_or(PREFIX, |length| PREFIX + length);
        let used = &input[..input.len().min(end - before)];
        if end > PREFIX + limits::QUERY || self.partial.try_reserve(used.len()).is_err() {
            self.closing = true;
            return input.len();
        }
        self.partial.extend_from_slice(used);
        // The prefix may just have become known, and be all there is.
        if let Some(length) = prefixed(&self.partial)
            && self.partial.len() == PREFIX + length
        {
            let query = core::mem::take(&mut self.partial);
            self.answer(server, counters, now, &query[PREFIX..]);
        }
        used.len()
    }

    fn answer(&mut self, server: &Server, counters: &mut Counters, now: Instant, query: &[u8]) {
        self.deadline = now + limits::STALL;
        let start = self.output.len();
        let mut response = None;
        for room in [COMMON, LONGEST] {
            let end = start + PREFIX + room;
            if self.output.try_reserve(end - start).is_err() {
                break;
            }
            self.output.resize(end, 0);
            response = server.respond(Transport::Tcp, query, &mut self.output[start + PREFIX..]);
            if response.as_ref().is_none_or(|response| !response.truncated) {
                break;
            }
        }
        server::count(counters, Transport::Tcp, response.as_ref());
        match response.map(|response| response.length) {
            Some(length) => {
                self.output[start..start + PREFIX].copy_from_slice(&(length as u16).to_be_bytes());
                self.output.truncate(start + PREFIX + length);
            }
            // What is not to be answered has no place on a stream.
            None => {
                self.output.truncate(start);
                self.closing = true;
            }
        }
    }
}

/// The length that a message says it has.
fn prefixed(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk().map(|prefix| usize::from(u16::from_be_bytes(*prefix)))
}

impl Session for Connection {
    type Service = Server;
    type Counters = Counters;

    fn open(_: &mut Counters, now: Instant) -> Self {
        Self {
            partial: Vec::new(),
            output: Vec::new(),
            sent: 0,
            closing: false,
            deadline: now + limits::REQUEST,
        }
    }

    fn receive(
        &mut self,
        server: &Server,
        counters: &mut Counters,
        now: Instant,
        input: &[u8],
    ) -> usize {
        let mut consumed = 0;
        while consumed < input.len() && self.output.len() < limits::OUTPUT {
            if self.closing {
                return input.len();
            }
            consumed += self.query(server, counters, now, &input[consumed..]);
        }
        consumed
    }

    fn transmit<'a>(&'a self, _: &'a Server) -> &'a [u8] {
        &self.output[self.sent..]
    }

    fn sent(&mut self, _: &Server, now: Instant, count: usize) {
        self.sent = (self.sent + count).min(self.output.len());
        self.deadline = now + limits::STALL;
        if self.sent == self.output.len() {
            self.sent = 0;
            self.output.clear();
            let waiting = if self.partial.is_empty() { limits::IDLE } else { limits::REQUEST };
            self.deadline = now + waiting;
        }
    }

    fn close_after_flush(&self) -> bool {
        self.closing
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }
}
