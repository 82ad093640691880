//! One connection: what arrives becomes references to responses (RFC 9112 section 9).

use alloc::vec::Vec;
use service_core::{Instant, Session};

use crate::request::{Method, Request};
use crate::response::{Persistence, Refusal};
use crate::site::ResponseId;
use crate::{Counters, Site, limits};

/// One connection of a client.
#[derive(Debug)]
pub struct Connection {
    state: State,
    /// The beginning of a head whose end has not arrived.
    partial: Vec<u8>,
    queue: Queue,
    deadline: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A request comes next.
    Head,
    /// So much content is still to be ignored.
    Content(u64),
    /// Whatever comes is ignored.
    Closing,
}

/// A response that waits to be sent.
#[derive(Clone, Copy, Debug)]
struct Output {
    response: ResponseId,
    persistence: Persistence,
    content: bool,
}

impl Connection {
    /// Takes one head from the beginning of `input`; returns how much of it was used.
    fn head(&mut self, site: &Site, counters: &mut Counters, now: Instant, input: &[u8]) -> usize {
        if self.partial.is_empty() {
            // RFC 9112 section 2.2: an empty line before a request is ignored.
            let blank = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if blank > 0 {
                return blank;
            }
            return match Request::parse(input) {
                Ok(Some((length, request))) => {
                    self.answer(site, counters, now, &request);
                    length
                }
                Ok(None) => {
                    self.deadline = now + limits::REQUEST;
                    if self.partial.try_reserve(input.len()).is_err() {
                        self.refuse(site, counters, now, Refusal::Unavailable);
                    } else {
                        self.partial.extend_from_slice(input);
                    }
                    input.len()
                }
                Err(refusal) => {
                    self.refuse(site, counters, now, refusal);
                    input.len()
                }
            };
        }
        let before = self.partial.len();
        let fresh = &input[..input.len().min(limits::HEAD - before)];
        if self.partial.try_reserve(fresh.len()).is_err() {
            self.refuse(site, counters, now, Refusal::Unavailable);
            return input.len();
        }
        self.partial.extend_from_slice(fresh);
        let partial = core::mem::take(&mut self.partial);
        match Request::parse(&partial) {
            Ok(Some((length, request))) => {
                self.answer(site, counters, now, &request);
                length - before
            }
            Ok(None) => {
                self.partial = partial;
                fresh.len()
            }
            Err(refusal) => {
                self.refuse(site, counters, now, refusal);
                input.len()
            }
        }
    }

    fn answer(
        &mut self,
        site: &Site,
        counters: &mut Counters,
        now: Instant,
        request: &Request<'_>,
    ) {
        let response = site.answer(request);
        // A client that waits for leave may send its content or not: only closing is safe.
        let persistence = match (request.persistent && !request.expects, request.old) {
            (true, false) => Persistence::Implied,
            (true, true) => Persistence::KeepAlive,
            (false, _) => Persistence::Close,
        };
        self.state = match (persistence, request.length) {
            (Persistence::Close, _) => State::Closing,
            (_, 0) => State::Head,
            (_, length) => State::Content(length),
        };
        counters.answered(site.response(response).status());
        let content = request.method != Method::Head;
        self.queue.push(Output { response, persistence, content });
        self.deadline = now + limits::STALL;
    }

    /// Answers what cannot be understood, so that the connection cannot go on.
    fn refuse(&mut self, site: &Site, counters: &mut Counters, now: Instant, refusal: Refusal) {
        let response = refusal.into();
        counters.answered(site.response(response).status());
        self.queue.push(Output { response, persistence: Persistence::Close, content: true });
        self.partial = Vec::new();
        self.state = State::Closing;
        self.deadline = now + limits::STALL;
    }
}

impl Session for Connection {
    type Service = Site;
    type Counters = Counters;

    fn open(counters: &mut Counters, now: Instant) -> Self {
        counters.connections += 1;
        Self {
            state: State::Head,
            partial: Vec::new(),
            queue: Queue::new(),
            deadline: now + limits::REQUEST,
        }
    }

    fn receive(
        &mut self,
        site: &Site,
        counters: &mut Counters,
        now: Instant,
        input: &[u8],
    ) -> usize {
        let mut consumed = 0;
        while consumed < input.len() && !self.queue.is_full() {
            let rest = &input[consumed..];
            consumed += match self.state {
                State::Head => self.head(site, counters, now, rest),
                State::Content(left) => {
                    let taken = left.min(rest.len() as u64);
                    self.state = match left - taken {
                        0 => State::Head,
                        left => State::Content(left),
                    };
                    taken as usize
                }
                State::Closing => rest.len(),
            };
        }
        consumed
    }

    fn transmit<'a>(&'a self, site: &'a Site) -> &'a [u8] {
        match self.queue.front() {
            Some((output, offset)) => {
                site.response(output.response).piece(output.persistence, output.content, offset)
            }
            None => &[],
        }
    }

    fn sent(&mut self, site: &Site, now: Instant, count: usize) {
        self.queue.advance(count);
        if self.transmit(site).is_empty() {
            self.queue.pop();
        }
        self.deadline = now
            + match (self.queue.front(), self.state) {
                (Some(_), _) => limits::STALL,
                (None, State::Closing) => limits::LINGER,
                (None, State::Head) if self.partial.is_empty() => limits::IDLE,
                (None, _) => limits::REQUEST,
            };
    }

    fn close_after_flush(&self) -> bool {
        self.state == State::Closing
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }
}

/// Responses in the order of their requests, and how much of the first was sent.
#[derive(Debug)]
struct Queue {
    outputs: [Output; limits::PIPELINE],
    first: usize,
    length: usize,
    offset: usize,
}

impl Queue {
    fn new() -> Self {
        let unused = Output {
            response: ResponseId::default(),
            persistence: Persistence::Close,
            content: false,
        };
        Self { outputs: [unused; limits::PIPELINE], first: 0, length: 0, offset: 0 }
    }

    fn is_full(&self) -> bool {
        self.length == limits::PIPELINE
    }

    /// Appends to a queue that is not full.
    fn push(&mut self, output: Output) {
        debug_assert!(!self.is_full());
        self.outputs[(self.first + self.length) % limits::PIPELINE] = output;
        self.length += 1;
    }

    fn front(&self) -> Option<(&Output, usize)> {
        (self.length > 0).then(|| (&self.outputs[self.first], self.offset))
    }

    fn advance(&mut self, count: usize) {
        self.offset += count;
    }

    fn pop(&mut self) {
        if self.length > 0 {
            self.first = (self.first + 1) % limits::PIPELINE;
            self.length -= 1;
            self.offset = 0;
        }
    }
}
