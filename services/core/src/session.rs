//! The shape of a service over a byte stream, so that one serving loop serves them all.

use core::net::IpAddr;

use crate::Instant;

/// One connection of a byte stream, without the stream.
///
/// The caller owns the stream and moves bytes both ways:
///
/// 1. give what arrived to [`receive`](Self::receive), in pieces of any size, and drop from its
///    own buffer what was consumed;
/// 2. write [`transmit`](Self::transmit) and report with [`sent`](Self::sent) how much of it the
///    stream took, until it is empty or the stream is full;
/// 3. if not all input was consumed, go back to 1 once something was sent;
/// 4. when [`close_after_flush`](Self::close_after_flush) holds and nothing is left to transmit,
///    close the sending side, and discard what still arrives until the peer closes too;
/// 5. abort the connection when [`deadline`](Self::deadline) has passed.
pub trait Session: Sized {
    /// What is served, shared by all connections.
    type Service;
    /// Where all connections count.
    type Counters;

    /// Whether `client` is served at all: the caller aborts its connection otherwise, before a byte
    /// is read.
    fn admits(_: &Self::Service, _client: IpAddr) -> bool {
        true
    }

    /// A connection that was accepted at `now`.
    fn open(counters: &mut Self::Counters, now: Instant) -> Self;

    /// Takes input that arrived; returns how many bytes of it were consumed.
    ///
    /// All of it is, unless responses wait to be transmitted.
    fn receive(
        &mut self,
        service: &Self::Service,
        counters: &mut Self::Counters,
        now: Instant,
        input: &[u8],
    ) -> usize;

    /// The next bytes to write; empty when there are none. There may be more behind them.
    fn transmit<'a>(&'a self, service: &'a Self::Service) -> &'a [u8];

    /// Notes that the stream took the first `count` bytes of [`transmit`](Self::transmit).
    fn sent(&mut self, service: &Self::Service, now: Instant, count: usize);

    /// Whether the connection ends once everything is transmitted.
    fn close_after_flush(&self) -> bool;

    /// When the peer has been silent, or slow, for too long.
    fn deadline(&self) -> Instant;
}
