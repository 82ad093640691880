//! A conversation with a service over a stream.

use service_core::{Instant, Session};

/// The most that one write takes, as of a socket whose buffer is nearly full.
const ROOM: usize = 100;

/// All that a service says to `input` when it arrives in pieces of `size` bytes, and whether it
/// closes then; nothing is lost and nothing waits for ever.
pub fn talk<S: Session>(
    service: &S::Service,
    counters: &mut S::Counters,
    input: &[u8],
    size: usize,
) -> (Vec<u8>, bool) {
    let mut session = S::open(counters, Instant::ZERO);
    let mut output = Vec::new();
    for mut piece in input.chunks(size.max(1)) {
        while !piece.is_empty() {
            let consumed = session.receive(service, counters, Instant::ZERO, piece);
            piece = &piece[consumed..];
            let mut sent = 0;
            while !session.transmit(service).is_empty() {
                let waiting = session.transmit(service);
                let taken = waiting.len().min(ROOM);
                output.extend_from_slice(&waiting[..taken]);
                session.sent(service, Instant::ZERO, taken);
                sent += taken;
            }
            assert!(consumed > 0 || sent > 0, "the conversation stands still");
        }
        assert!(session.deadline() > Instant::ZERO);
    }
    (output, session.close_after_flush())
}
