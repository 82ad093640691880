//! A TCP connection as a node on its way sees it: RFC 9293 section 3.3.2, and the windows of Guido
//! van Rooij, "Real stateful TCP packet filtering in IP Filter", SANE 2000.
//!
//! Linux tracks connections by the same paper, so that both variants judge segments alike. What
//! this leaves out is the tolerance for ends that break the standard.

use smoltcp::wire::TcpPacket;

use crate::packet::flags;

/// How far behind what was sent an acknowledgement may be, at least: the greatest window without
/// scaling, and some.
const OLD_ACKNOWLEDGEMENT: u32 = 66_000;
/// RFC 7323 section 2.3.
const GREATEST_SCALE: u8 = 14;

/// What a segment says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    kind: Kind,
    sequence: u32,
    /// The number behind the last that it takes.
    end: u32,
    /// What it acknowledges, if it does.
    acknowledged: Option<u32>,
    window: u32,
    /// How many bits its sender will shift its windows by, where it says so.
    scale: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Syn,
    SynAck,
    Ack,
    Fin,
    Rst,
}

/// Which end sent a segment: the one that began, or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Opener = 0,
    Responder = 1,
}

/// What a segment is to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It belongs to it.
    Pass,
    /// It cannot belong to it.
    Invalid,
    /// It begins another one between the same ports.
    New,
}

/// Where a segment is, seen from the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Inside,
    /// Where its receiver drops it and says what it has: it passes, and changes nothing.
    Beside,
    Outside,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A SYN was seen.
    Opening,
    /// It was answered.
    Answered,
    /// The answer was acknowledged.
    Established,
    /// One end is done.
    Closing,
    /// Both are.
    LastAck,
    /// And both know.
    TimeWait,
    /// It was reset.
    Closed,
}

/// A connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    phase: Phase,
    /// Its beginning was not seen: nobody knows how its windows are scaled.
    unknown: bool,
    ends: [Sent; 2],
}

/// What one end has sent.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    /// The number behind the last that it has sent.
    end: u32,
    /// The number behind the last that it may send, by what the other end has said.
    limit: u32,
    /// The greatest window that it has said; 0 while it has not spoken.
    window: u32,
    /// What it has acknowledged.
    acknowledged: Option<u32>,
    scale: u8,
    scales: bool,
    done: bool,
}

/// Whether `one` comes after `other` (RFC 9293 section 3.4).
const fn after(one: u32, other: u32) -> bool {
    (other.wrapping_sub(one) as i32) < 0
}

impl Segment {
    pub(crate) fn is_reset(&self) -> bool {
        self.kind == Kind::Rst
    }

    /// Reads the segment that begins in `bytes`, of which at least 20 are there, and is `length`
    /// bytes long.
    pub(crate) fn parse(bytes: &[u8], length: usize) -> Option<Self> {
        if bytes.len() < 20 {
            return None;
        }
        let packet = TcpPacket::new_unchecked(bytes);
        let header = usize::from(packet.header_len());
        let said = bytes[13];
        let is = |flag: u8| said & flag != 0;
        let kind = match () {
            () if is(flags::RST) => Kind::Rst,
            () if is(flags::SYN) && is(flags::ACK) => Kind::SynAck,
            () if is(flags::SYN) => Kind::Syn,
            () if is(flags::FIN) => Kind::Fin,
            () => Kind::Ack,
        };
        let data = length.checked_sub(header)? as u32;
        let sequence = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        let acknowledged = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        let taken = data + u32::from(is(flags::SYN)) + u32::from(is(flags::FIN));
        let starts = is(flags::SYN);
        Some(Self {
            kind,
            sequence,
            end: sequence.wrapping_add(taken),
            acknowledged: is(flags::ACK).then_some(acknowledged),
            window: u32::from(packet.window_len()),
            scale: starts.then(|| scale(bytes.get(20..header)?)).flatten(),
        })
    }
}

/// The window scale among a SYN's options.
fn scale(mut options: &[u8]) -> Option<u8> {
    const END: u8 = 0;
    const NOTHING: u8 = 1;
    const WINDOW_SCALE: u8 = 3;
    loop {
        match options {
            [] | [END, ..] => return None,
            [NOTHING, rest @ ..] => options = rest,
            [WINDOW_SCALE, 3, scale, ..] => return Some((*scale).min(GREATEST_SCALE)),
            [_, length, ..] => options = options.get(usize::from((*length).max(2))..)?,
            [_] => return None,
        }
    }
}

impl Sent {
    fn begin(segment: &Segment) -> Self {
        Self {
            end: segment.end,
            limit: segment.end,
            window: segment.window.max(1),
            acknowledged: segment.acknowledged,
            scale: segment.scale.unwrap_or(0),
            scales: segment.scale.is_some(),
            done: false,
        }
    }
}

impl Connection {
    /// No connection: what protocols without any have in its place.
    pub(crate) const NONE: Self = Self {
        phase: Phase::Closed,
        unknown: true,
        ends: [Sent {
            end: 0,
            limit: 0,
            window: 0,
            acknowledged: None,
            scale: 0,
            scales: false,
            done: false,
        }; 2],
    };

    /// The connection that a segment begins, or is the first to be seen of; `None` for what can
    /// only follow others.
    pub(crate) fn begin(segment: &Segment) -> Option<Self> {
        let (phase, unknown) = match segment.kind {
            Kind::Syn => (Phase::Opening, false),
            Kind::Ack => (Phase::Established, true),
            Kind::SynAck | Kind::Fin | Kind::Rst => return None,
        };
        let mut opener = Sent::begin(segment);
        if unknown {
            // What it acknowledges was not seen, and its window may be more than it says.
            opener.limit = opener.end.wrapping_add(opener.window);
            opener.acknowledged = None;
        }
        Some(Self { phase, unknown, ends: [opener, Sent::default()] })
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Notes one more segment.
    pub(crate) fn advance(&mut self, from: End, segment: &Segment) -> Step {
        use Phase::{Answered, Closed, Closing, Established, LastAck, Opening, TimeWait};
        let next = match (segment.kind, from, self.phase) {
            (Kind::Syn, End::Opener, Opening) => {
                self.ends[0] = Sent::begin(segment);
                return Step::Pass;
            }
            // Both begin at once.
            (Kind::Syn, End::Responder, Opening) => Answered,
            (Kind::Syn, _, TimeWait) | (Kind::Syn, End::Opener, Closed) => return Step::New,
            // A stray one, or an end that has forgotten: the other will tell (RFC 5961 section 4).
            (Kind::Syn, End::Opener, _) => return Step::Pass,
            (Kind::Syn, End::Responder, _) => return Step::Invalid,
            (Kind::SynAck, End::Responder, Opening) => Answered,
            (Kind::SynAck, End::Responder, _) => return Step::Pass,
            (Kind::SynAck, End::Opener, Answered) => Answered,
            (Kind::SynAck, End::Opener, _) => return Step::Invalid,
            // What is no answer to the SYN, of a connection that the opener has forgotten: it will
            // reset that (RFC 9293 section 3.5.1).
            (Kind::Ack, End::Responder, Opening) => {
                self.ends[1].end = segment.end;
                return Step::Pass;
            }
            (Kind::Rst, End::Opener, Opening) if segment.acknowledged == Some(self.ends[1].end) => {
                self.phase = Closed;
                return Step::Pass;
            }
            (Kind::Ack | Kind::Fin, _, Opening) => return Step::Invalid,
            (Kind::Ack, End::Opener, Answered) => Established,
            (Kind::Ack, End::Responder, Answered) => Answered,
            (Kind::Fin, _, Answered | Established) => Closing,
            (Kind::Fin, _, Closing) if !self.ends[from as usize].done => LastAck,
            (Kind::Ack, _, LastAck) => TimeWait,
            (Kind::Ack | Kind::Fin, _, phase) => phase,
            // Of an end that is done another connection may have begun on its ports.
            (Kind::Rst, _, Closing | LastAck | TimeWait | Closed) => {
                self.phase = Closed;
                return Step::Pass;
            }
            (Kind::Rst, ..) => Closed,
        };
        match self.fit(from, segment) {
            Fit::Outside => return Step::Invalid,
            Fit::Beside => return Step::Pass,
            Fit::Inside => {}
        }
        // One that is merely inside the window may be forged: the end asks back (RFC 5961
        // section 3), and stays as it is.
        let other = &self.ends[1 - from as usize];
        let exact = other.acknowledged.is_none_or(|expected| expected == segment.sequence);
        if segment.kind != Kind::Rst || exact || self.phase != Established {
            self.phase = next;
        }
        self.ends[from as usize].done |= segment.kind == Kind::Fin;
        Step::Pass
    }

    /// Whether a segment says what its sender may say now; notes it if so.
    fn fit(&mut self, from: End, segment: &Segment) -> Fit {
        let [mut sender, mut receiver] = match from {
            End::Opener => self.ends,
            End::Responder => [self.ends[1], self.ends[0]],
        };
        let fit = self.judge(from, segment, &mut sender, &mut receiver);
        self.ends = match from {
            End::Opener => [sender, receiver],
            End::Responder => [receiver, sender],
        };
        // Of windows whose scale is not known nothing can be outside.
        if self.unknown && !self.is_stale(from, segment) { Fit::Inside } else { fit }
    }

    /// Whether a reset comes from before what its receiver has acknowledged.
    fn is_stale(&self, from: End, segment: &Segment) -> bool {
        let expected = self.ends[1 - from as usize].acknowledged;
        segment.kind == Kind::Rst
            && expected.is_some_and(|expected| after(expected, segment.sequence))
    }

    fn judge(&self, from: End, segment: &Segment, sender: &mut Sent, receiver: &mut Sent) -> Fit {
        let Segment { mut sequence, mut end, .. } = *segment;
        if self.is_stale(from, segment) {
            return Fit::Outside;
        }
        if sender.window == 0 {
            self.introduce(sender, receiver, segment);
        }
        let acknowledged = match segment.acknowledged {
            // Some stacks acknowledge nothing in a reset.
            Some(0) | None if segment.kind == Kind::Rst => receiver.end,
            Some(acknowledged) => acknowledged,
            None => receiver.end,
        };
        if segment.kind == Kind::Rst && sequence == 0 && self.phase == Phase::Opening {
            (sequence, end) = (sender.end, sender.end);
        }
        let unsent = !after(receiver.end.wrapping_add(1), acknowledged);
        let oldest = sender.end.wrapping_sub(receiver.window).wrapping_sub(1);
        let recent = receiver.window == 0 || after(end, oldest);
        let least = receiver.end.wrapping_sub(sender.window.max(OLD_ACKNOWLEDGEMENT));
        let timely = after(acknowledged, least.wrapping_sub(1));
        if !after(sender.limit.wrapping_add(1), sequence) {
            // An end whose window has shrunk, or was not heard of yet, is sent more than it takes.
            let beyond = end.wrapping_sub(sender.limit).wrapping_add(1);
            let known = receiver.window != 0 && recent && timely && !unsent;
            if !known || beyond > receiver.window {
                return Fit::Outside;
            }
            sender.end = end;
            return Fit::Beside;
        }
        if unsent {
            return Fit::Outside;
        }
        if !recent || !timely {
            return Fit::Beside;
        }
        let starts = matches!(segment.kind, Kind::Syn | Kind::SynAck);
        let window = segment.window << if starts { 0 } else { sender.scale };
        sender.window = sender.window.max(window);
        if after(end, sender.end) {
            sender.end = end;
        }
        if let Some(new) = segment.acknowledged
            && sender.acknowledged.is_none_or(|old| after(new, old))
        {
            sender.acknowledged = Some(new);
        }
        if receiver.window != 0 && after(end, sender.limit) {
            receiver.window = receiver.window.saturating_add(end.wrapping_sub(sender.limit));
        }
        let limit = acknowledged.wrapping_add(window);
        if after(limit, receiver.limit.wrapping_sub(1)) {
            // Into a window that is shut one byte may be sent to ask (RFC 9293 section 3.8.6.1).
            receiver.limit = limit.wrapping_add(u32::from(window == 0));
        }
        Fit::Inside
    }

    /// The first that is seen of a sender.
    fn introduce(&self, sender: &mut Sent, receiver: &mut Sent, segment: &Segment) {
        if matches!(segment.kind, Kind::Syn | Kind::SynAck) {
            *sender = Sent::begin(segment);
            // Both scale or none does (RFC 7323 section 2.2).
            if !(sender.scales && receiver.scales) {
                (sender.scale, receiver.scale) = (0, 0);
            }
            return;
        }
        sender.end = segment.end;
        sender.window = segment.window.max(1);
        sender.limit = segment.end.wrapping_add(sender.window);
        // The answer to a question whether it is still there (RFC 9293 section 3.8.4).
        let beyond = receiver.end.wrapping_add(1);
        if self.unknown && segment.acknowledged == Some(beyond) {
            receiver.end = beyond;
        }
    }
}
