//! TCP segments against the connection that they say they are of.

use std::net::IpAddr;

use service_core::Instant;
use service_filter::{Cause, Filter, Verdict, timeouts};
use smoltcp::wire::{TcpPacket, TcpSeqNumber};

use crate::packets::*;

const NOW: Instant = Instant::from_micros(1);
const INVALID: Verdict = Verdict::Drop { cause: Cause::Invalid, log: false };
const FIN: u8 = FIN_ACK;
const RST_ACK: u8 = RST | ACK;

/// A connection between the client and the web server, and the filter that it passes.
struct Talk {
    filter: Filter,
    client: (IpAddr, u16),
    web: (IpAddr, u16),
}

/// What a segment says: flags, sequence number, acknowledgement, window, bytes.
struct Says(u8, u32, u32, u16, usize);

impl Talk {
    fn new() -> Self {
        let (client, web) = ((v4("192.0.2.100"), 40_000), (v4("203.0.113.80"), 80));
        Self { filter: filter(), client, web }
    }

    fn packet(from: (IpAddr, u16), to: (IpAddr, u16), says: &Says, options: &[u8]) -> Vec<u8> {
        let plain = tcp(from, to, says.0);
        let mut segment = plain[20..].to_vec();
        let mut fields = TcpPacket::new_unchecked(&mut segment[..]);
        fields.set_seq_number(TcpSeqNumber(says.1 as i32));
        fields.set_ack_number(TcpSeqNumber(says.2 as i32));
        fields.set_window_len(says.3);
        fields.set_header_len(20 + options.len() as u8);
        segment.extend_from_slice(options);
        segment.resize(segment.len() + says.4, 0);
        ip(from.0, to.0, 6.into(), &segment)
    }

    fn client(&mut self, says: Says) -> Verdict {
        self.client_with(says, &[])
    }

    fn client_with(&mut self, says: Says, options: &[u8]) -> Verdict {
        let packet = Self::packet(self.client, self.web, &says, options);
        self.filter.check(NOW, OUTSIDE, Some(TRANSIT), &packet, packet.len())
    }

    fn web(&mut self, says: Says) -> Verdict {
        self.web_with(says, &[])
    }

    fn web_with(&mut self, says: Says, options: &[u8]) -> Verdict {
        let packet = Self::packet(self.web, self.client, &says, options);
        self.filter.check(NOW, TRANSIT, Some(OUTSIDE), &packet, packet.len())
    }

    /// The client has sent up to 1000, the server up to 5000; either may send 2000 bytes.
    fn opened() -> Self {
        let mut talk = Self::new();
        assert_eq!(talk.client(Says(SYN, 999, 0, 2000, 0)), Verdict::Accept);
        assert_eq!(talk.web(Says(SYN_ACK, 4999, 1000, 2000, 0)), Verdict::Accept);
        assert_eq!(talk.client(Says(ACK, 1000, 5000, 2000, 0)), Verdict::Accept);
        talk
    }
}

#[test]
fn segments_outside_the_window_are_invalid() {
    assert_eq!(Talk::opened().client(Says(ACK, 1000, 5000, 2000, 1400)), Verdict::Accept);
    // The last number that the server has room for, one window beyond, and one more.
    assert_eq!(Talk::opened().client(Says(ACK, 3000, 5000, 2000, 0)), Verdict::Accept);
    assert_eq!(Talk::opened().client(Says(ACK, 4998, 5000, 2000, 1)), Verdict::Accept);
    assert_eq!(Talk::opened().client(Says(ACK, 4999, 5000, 2000, 1)), INVALID);
    assert_eq!(Talk::opened().web(Says(ACK, 8999, 1000, 2000, 1)), INVALID);
    // An acknowledgement of what was never sent.
    assert_eq!(Talk::opened().web(Says(ACK, 5000, 1001, 2000, 0)), INVALID);
    assert_eq!(Talk::opened().client(Says(ACK, 1000, 5001, 2000, 0)), INVALID);
    // What was sent before comes again: the end will say what it has.
    let mut talk = Talk::opened();
    assert_eq!(talk.client(Says(ACK, 1000, 5000, 2000, 500)), Verdict::Accept);
    assert_eq!(talk.web(Says(ACK, 5000, 1500, 2000, 0)), Verdict::Accept);
    assert_eq!(talk.client(Says(ACK, 1000, 5000, 2000, 500)), Verdict::Accept);
    // The window has moved with the acknowledgement, and no further.
    assert_eq!(talk.client(Says(ACK, 5499, 5000, 2000, 1)), INVALID);
    assert_eq!(talk.client(Says(ACK, 5498, 5000, 2000, 1)), Verdict::Accept);
}

#[test]
fn windows_are_scaled_if_both_ends_scale() {
    let scaled = [1, 3, 3, 4];
    for (options, last) in [(&scaled[..], 1000 + (2000 << 4)), (&[], 1000 + 2000)] {
        let mut talk = Talk::new();
        talk.client_with(Says(SYN, 999, 0, 2000, 0), &scaled);
        talk.web_with(Says(SYN_ACK, 4999, 1000, 2000, 0), options);
        talk.client(Says(ACK, 1000, 5000, 2000, 0));
        assert_eq!(talk.web(Says(ACK, 5000, 1000, 2000, 0)), Verdict::Accept);
        let window = last - 1000;
        assert_eq!(talk.client(Says(ACK, last + window - 1, 5000, 2000, 1)), INVALID);
        assert_eq!(talk.client(Says(ACK, last, 5000, 2000, 0)), Verdict::Accept);
    }
}

#[test]
fn a_reset_from_afar_ends_nothing() {
    for blind in [0, 800, 5002, 0x8000_0000] {
        let mut talk = Talk::opened();
        assert_eq!(talk.client(Says(RST, blind, 0, 0, 0)), INVALID, "{blind}");
        assert_eq!(talk.web(Says(ACK, 5000, 1000, 2000, 100)), Verdict::Accept);
    }
    // Inside the window, but not exact: the server asks, and the connection goes on.
    let mut talk = Talk::opened();
    assert_eq!(talk.web(Says(ACK, 5000, 1000, 2000, 0)), Verdict::Accept);
    assert_eq!(talk.client(Says(RST, 1500, 0, 0, 0)), Verdict::Accept);
    let late = NOW + timeouts::TCP_CLOSING;
    let packet = Talk::packet(talk.web, talk.client, &Says(ACK, 5000, 1000, 2000, 9), &[]);
    let verdict = talk.filter.check(late, TRANSIT, Some(OUTSIDE), &packet, packet.len());
    assert_eq!(verdict, Verdict::Accept);
}

#[test]
fn a_closed_port_answers_with_a_reset() {
    for (acknowledged, expected) in [(1001, INVALID), (1000, Verdict::Accept)] {
        let mut talk = Talk::new();
        talk.client(Says(SYN, 999, 0, 2000, 0));
        assert_eq!(talk.web(Says(RST_ACK, 0, acknowledged, 0, 0)), expected);
    }
    // And is forgotten: the same ports may be tried again.
    let mut talk = Talk::new();
    for times in 1..3 {
        assert_eq!(talk.client(Says(SYN, 999, 0, 2000, 0)), Verdict::Accept);
        assert_eq!(talk.web(Says(RST_ACK, 0, 1000, 0, 0)), Verdict::Accept);
        assert_eq!(counter(&talk.filter, "rule.web-in"), times);
    }
}

#[test]
fn a_connection_ends_from_both_sides_and_may_begin_again() {
    let mut talk = Talk::opened();
    assert_eq!(talk.client(Says(FIN, 1000, 5000, 2000, 0)), Verdict::Accept);
    assert_eq!(talk.web(Says(ACK, 5000, 1001, 2000, 0)), Verdict::Accept);
    // One side may go on.
    assert_eq!(talk.web(Says(ACK, 5000, 1001, 2000, 1400)), Verdict::Accept);
    assert_eq!(talk.client(Says(ACK, 1001, 6400, 2000, 0)), Verdict::Accept);
    assert_eq!(talk.web(Says(FIN, 6400, 1001, 2000, 0)), Verdict::Accept);
    assert_eq!(talk.client(Says(ACK, 1001, 6401, 2000, 0)), Verdict::Accept);
    let before = counter(&talk.filter, "rule.web-in");
    assert_eq!(talk.client(Says(SYN, 77_000, 0, 2000, 0)), Verdict::Accept);
    assert_eq!(counter(&talk.filter, "rule.web-in"), before + 1);
    assert_eq!(talk.web(Says(SYN_ACK, 9000, 77_001, 2000, 0)), Verdict::Accept);
    assert_eq!(talk.client(Says(ACK, 77_001, 9001, 2000, 0)), Verdict::Accept);
}

#[test]
fn what_only_follows_begins_nothing() {
    for flags in [SYN_ACK, FIN, RST, RST_ACK] {
        assert_eq!(Talk::new().client(Says(flags, 1, 1, 2000, 0)), INVALID, "{flags:#x}");
    }
    // Within a handshake, too.
    for (flags, expected) in
        [(ACK, INVALID), (FIN, INVALID), (SYN_ACK, INVALID), (SYN, Verdict::Accept)]
    {
        let mut talk = Talk::new();
        talk.client(Says(SYN, 999, 0, 2000, 0));
        assert_eq!(talk.client(Says(flags, 1000, 1, 2000, 0)), expected, "{flags:#x}");
    }
}

#[test]
fn a_connection_from_before_the_firewall_goes_on() {
    let mut talk = Talk::new();
    assert_eq!(talk.client(Says(ACK, 123_456, 9_999, 10, 1400)), Verdict::Accept);
    // Nobody knows how windows are scaled.
    assert_eq!(talk.web(Says(ACK, 9_999, 124_856, 10, 1400)), Verdict::Accept);
    assert_eq!(talk.client(Says(ACK, 155_000, 11_399, 10, 1400)), Verdict::Accept);
    assert_eq!(talk.web(Says(FIN, 11_399, 156_400, 10, 0)), Verdict::Accept);
}

#[test]
fn while_nobody_has_answered_the_rules_decide_on_each_packet() {
    let mut talk = Talk::new();
    for times in 1..=3 {
        assert_eq!(talk.client(Says(SYN, 999, 0, 2000, 0)), Verdict::Accept);
        assert_eq!(counter(&talk.filter, "rule.web-in"), times);
    }
    assert_eq!(counter(&talk.filter, "established"), 0);
    // The same ports from where no rule lets them in.
    let packet = Talk::packet(talk.client, talk.web, &Says(SYN, 999, 0, 2000, 0), &[]);
    let verdict = talk.filter.check(NOW, TRANSIT, Some(OUTSIDE), &packet, packet.len());
    assert_eq!(verdict, Verdict::Drop { cause: Cause::Default, log: true });
}
