//! The flows that are let back: a bounded table that forgets fairly.
//!
//! The table is an array of sets, and a flow has its place in one of them. When a set is full, a
//! flow that only one side has spoken on is forgotten first (of TCP one whose handshake is not
//! over, though the server has answered), then one that is closing, then the longest idle one of
//! a protocol without connections; a TCP connection that both sides know is never forgotten for
//! another, so that a flood of first packets costs flooders their places and no one else.

use alloc::boxed::Box;
use alloc::vec;

use service_core::{Duration, Instant};

use crate::key::{Key, Sender};
use crate::packet::{Echo, Packet, TCP};
use crate::tcp::{Connection, End, Phase, Segment, Step};
use crate::timeouts;

/// The places of a set.
const WAYS: usize = 8;

/// The table.
#[derive(Debug)]
pub(crate) struct Flows {
    sets: Box<[[Flow; WAYS]]>,
    seed: u64,
}

/// What the flows say of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It belongs to a flow on which both sides have spoken.
    Established,
    /// It belongs to a flow and contradicts it, or could only follow what was never seen.
    Invalid,
    /// The rules decide: nothing is known of it, or only its own side has spoken.
    New,
}

#[derive(Clone, Copy, Debug)]
struct Flow {
    key: Key,
    /// The end that sent the first packet.
    opener: Sender,
    state: State,
    /// When the flow is forgotten; a place is free from then on.
    expires: Instant,
    tcp: Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// Only the opener has spoken.
    Unanswered,
    /// TCP: the other has answered, and the opener has not confirmed it.
    Opening,
    /// TCP: one side has said that it is done.
    Closing,
    /// Both have spoken.
    Open,
}

impl Flow {
    const FREE: Self = Self {
        key: Key::NONE,
        opener: Sender::Low,
        state: State::Closing,
        expires: Instant::ZERO,
        tcp: Connection::NONE,
    };

    /// Notes one more packet of the flow.
    fn advance(&mut self, now: Instant, sender: Sender, segment: Option<&Segment>) -> Passage {
        let answers = sender != self.opener;
        if let Some(segment) = segment {
            let end = if answers { End::Responder } else { End::Opener };
            match self.tcp.advance(end, segment) {
                Step::Pass => {}
                Step::Invalid => return Passage::Invalid,
                Step::New => return Passage::New,
            }
        }
        let unanswered = self.state == State::Unanswered;
        let answered = answers || self.state != State::Unanswered;
        self.state = match (segment, self.tcp.phase()) {
            _ if !answered => State::Unanswered,
            (None, _) | (_, Phase::Established) => State::Open,
            (_, Phase::Opening | Phase::Answered) => State::Opening,
            (_, Phase::Closing | Phase::LastAck | Phase::TimeWait | Phase::Closed) => {
                State::Closing
            }
        };
        self.expires = match self.tcp.phase() {
            // Never later than before: a flood of resets must not keep a flow alive.
            Phase::Closed if segment.is_some() => self.expires.min(now + timeouts::TCP_RESET),
            _ => now + idle(self.key.protocol(), self.state),
        };
        if unanswered && segment.is_some_and(Segment::is_reset) {
            // It never came to be.
            self.expires = Instant::ZERO;
        }
        if answered { Passage::Established } else { Passage::New }
    }

    /// Who goes first when there is no room: the least; `None` for who stays.
    fn rank(&self) -> Option<(State, Instant)> {
        let stays = self.state == State::Open && self.key.protocol() == TCP;
        (!stays).then_some((self.state, self.expires))
    }
}

fn idle(protocol: u8, state: State) -> Duration {
    match (protocol, state) {
        (TCP, State::Unanswered | State::Opening) => timeouts::TCP_OPENING,
        (TCP, State::Open) => timeouts::TCP_OPEN,
        (TCP, State::Closing) => timeouts::TCP_CLOSING,
        (_, State::Unanswered) => timeouts::OPENING,
        (_, State::Opening | State::Open | State::Closing) => timeouts::OPEN,
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

    /// What a flow says of `packet`, of which `segment` was read if it is TCP; notes it there.
    pub(crate) fn pass(
        &mut self,
        now: Instant,
        packet: &Packet,
        segment: Option<&Segment>,
    ) -> Passage {
        let Some((key, sender)) = Key::of(packet) else { return Passage::New };
        let place = self.set(&key).iter_mut().find(|flow| flow.expires > now && flow.key == key);
        match (place, segment) {
            (Some(flow), _) => flow.advance(now, sender, segment),
            (None, Some(segment)) if Connection::begin(segment).is_none() => Passage::Invalid,
            (None, _) => Passage::New,
        }
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
    pub(crate) fn open(
        &mut self,
        now: Instant,
        packet: &Packet,
        segment: Option<&Segment>,
    ) -> bool {
        let Some((key, opener)) = Key::of(packet) else { return true };
        // A reply that nobody asked for is none.
        if packet.echo() == Some(Echo::Reply) {
            return true;
        }
        let set = self.set(&key);
        let known = set.iter().position(|flow| flow.key == key);
        // Only its own side has spoken, and `pass` has noted this packet.
        let noted = |flow: &Flow| {
            let over = segment.is_some() && flow.tcp.phase() == Phase::Closed;
            flow.expires > now && flow.state == State::Unanswered && !over
        };
        if known.is_some_and(|index| noted(&set[index])) {
            return true;
        }
        let tcp = match segment.map(Connection::begin) {
            Some(Some(connection)) => connection,
            Some(None) => return true,
            None => Connection::NONE,
        };
        let state = State::Unanswered;
        let expires = now + idle(key.protocol(), state);
        let free = || set.iter().position(|flow| flow.expires <= now);
        let least = || {
            let ranks = set.iter().enumerate().filter_map(|(i, flow)| Some((flow.rank()?, i)));
            ranks.min().map(|(_, index)| index)
        };
        let Some(index) = known.or_else(free).or_else(least) else { return false };
        set[index] = Flow { key, opener, state, expires, tcp };
        true
    }
}
