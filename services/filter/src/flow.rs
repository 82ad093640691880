//! The flows that are let back: a bounded table that forgets fairly.
//!
//! The table is an array of sets, and a flow has its place in one of them. When a set is full, a
//! flow that only one side has spoken on is forgotten first, then the longest idle one of a
//! protocol without connections; a TCP connection that both sides know is never forgotten for
//! another, so that a flood of first packets costs flooders their places and no one else.

use alloc::boxed::Box;
use alloc::vec;

use service_core::{Duration, Instant};

use crate::key::{Key, Sender};
use crate::packet::{Packet, TCP, Transport, flags};
use crate::timeouts;

/// The places of a set.
const WAYS: usize = 8;

/// The table.
#[derive(Debug)]
pub(crate) struct Flows {
    sets: Box<[[Flow; WAYS]]>,
    seed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Flow {
    key: Key,
    /// The end that sent the first packet.
    opener: Sender,
    state: State,
    /// When the flow is forgotten; a place is free from then on.
    expires: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Only the opener has spoken.
    Opening,
    /// Both have spoken.
    Open,
    /// TCP: one side has said that it is done.
    Closing,
}

impl Flow {
    const FREE: Self =
        Self { key: Key::NONE, opener: Sender::Low, state: State::Closing, expires: Instant::ZERO };

    /// Notes one more packet of the flow; `false` if it does not belong to it after all.
    fn advance(&mut self, now: Instant, packet: &Packet, sender: Sender) -> bool {
        let answered = sender != self.opener;
        let Transport::Tcp { flags, .. } = packet.transport else {
            if answered {
                self.state = State::Open;
            }
            self.expires = now + idle(self.key.protocol(), self.state);
            return true;
        };
        let is = |flag: u8| flags & flag != 0;
        // A new connection on old ports is for the rules to judge.
        if is(flags::SYN) && !is(flags::ACK) && self.state == State::Closing {
            return false;
        }
        if is(flags::RST) {
            // Never later than before: a flood of them must not keep a flow alive.
            self.state = State::Closing;
            self.expires = self.expires.min(now + timeouts::TCP_RESET);
            return true;
        }
        if is(flags::FIN) {
            self.state = State::Closing;
        } else if answered && self.state == State::Opening {
            self.state = State::Open;
        }
        self.expires = now + idle(TCP, self.state);
        true
    }

    /// Who goes first when there is no room: the least; `None` for who stays.
    fn rank(&self) -> Option<(u8, Instant)> {
        match self.state {
            State::Opening | State::Closing => Some((0, self.expires)),
            State::Open if self.key.protocol() != TCP => Some((1, self.expires)),
            State::Open => None,
        }
    }
}

fn idle(protocol: u8, state: State) -> Duration {
    match (protocol, state) {
        (TCP, State::Opening) => timeouts::TCP_OPENING,
        (TCP, State::Open) => timeouts::TCP_OPEN,
        (TCP, State::Closing) => timeouts::TCP_CLOSING,
        (_, State::Opening) => timeouts::OPENING,
        (_, State::Open | State::Closing) => timeouts::OPEN,
    }
}

impl Flows {
    /// Room for about `capacity` flows.
    pub(crate) fn new(capacity: usize, seed: u64) -> Self {
        let sets = (capacity / WAYS).next_power_of_two();
        Self { sets: vec![[Flow::FREE; WAYS]; sets].into(), seed }
    }

    fn set(&mut self, key: &Key) -> &mut [Flow; WAYS] {
        let index = key.hash(self.seed) as usize & (self.sets.len() - 1);
        &mut self.sets[index]
    }

    /// Whether `packet` belongs to a flow; notes it there if so.
    pub(crate) fn pass(&mut self, now: Instant, packet: &Packet) -> bool {
        let Some((key, sender)) = Key::of(packet) else { return false };
        let place = self.set(&key).iter_mut().find(|flow| flow.expires > now && flow.key == key);
        place.is_some_and(|flow| flow.advance(now, packet, sender))
    }

    /// Whether `error`, an ICMP error that quotes a packet in `quote`, is about a flow.
    pub(crate) fn is_related(&mut self, now: Instant, error: &Packet, quote: &[u8]) -> bool {
        let Some(quoted) = Packet::quoted(quote) else { return false };
        // Errors go to who sent what they quote.
        if quoted.source != error.destination {
            return false;
        }
        let Some((key, _)) = Key::of(&quoted) else { return false };
        self.set(&key).iter().any(|flow| flow.expires > now && flow.key == key)
    }

    /// Remembers the flow that `packet` begins; `false` if there is no room.
    pub(crate) fn open(&mut self, now: Instant, packet: &Packet) -> bool {
        let Some((key, opener)) = Key::of(packet) else { return true };
        let state = match packet.transport {
            // Nothing comes back to a reset.
            Transport::Tcp { flags, .. } if flags & flags::RST != 0 => return true,
            Transport::Tcp { flags, .. } if flags & flags::FIN != 0 => State::Closing,
            _ => State::Opening,
        };
        let expires = now + idle(key.protocol(), state);
        let set = self.set(&key);
        let known = set.iter().position(|flow| flow.key == key);
        let free = || set.iter().position(|flow| flow.expires <= now);
        let least = || {
            let ranks = set.iter().enumerate().filter_map(|(i, flow)| Some((flow.rank()?, i)));
            ranks.min().map(|(_, index)| index)
        };
        let Some(index) = known.or_else(free).or_else(least) else { return false };
        set[index] = Flow { key, opener, state, expires };
        true
    }
}
