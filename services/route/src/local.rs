//! What a node without services of its own answers to what is sent to it: nothing listens here.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{IpProtocol, IpRepr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber};

use crate::ip::{self, Header, Problem};

/// The length of a reset, without its IP header.
const RESET: usize = 20;

/// How a packet to the node is answered.
pub(crate) enum Answer {
    /// By an ICMP error.
    Problem(Problem),
    /// By a TCP reset.
    Reset(IpRepr, TcpRepr<'static>),
    /// Not at all.
    Nothing,
}

/// The answer to `packet`, of which `header` was read, and which is no echo request.
pub(crate) fn answer(header: &Header, packet: &[u8]) -> Answer {
    if header.fragment {
        return Answer::Nothing;
    }
    match header.protocol.into() {
        IpProtocol::Tcp => reset(header, packet)
            .map_or(Answer::Nothing, |reset| Answer::Reset(envelope(header), reset)),
        IpProtocol::Udp => Answer::Problem(Problem::PortUnreachable),
        IpProtocol::Icmp | IpProtocol::Icmpv6 | IpProtocol::Ipv6NoNxt => Answer::Nothing,
        _ => Answer::Problem(Problem::ProtocolUnreachable(header.protocol_at)),
    }
}

/// The reset of a connection that does not exist (RFC 9293 section 3.10.7.1).
fn reset(header: &Header, packet: &[u8]) -> Option<TcpRepr<'static>> {
    let bytes = packet.get(header.length..).filter(|bytes| bytes.len() >= 20)?;
    let segment = TcpPacket::new_unchecked(bytes);
    if segment.rst() {
        return None;
    }
    let said = usize::from(segment.header_len());
    let data = (header.total - header.length).checked_sub(said)?;
    let length = data + usize::from(segment.syn()) + usize::from(segment.fin());
    let (seq_number, ack_number) = if segment.ack() {
        (segment.ack_number(), None)
    } else {
        (TcpSeqNumber(0), Some(segment.seq_number() + length))
    };
    Some(TcpRepr {
        src_port: segment.dst_port(),
        dst_port: segment.src_port(),
        control: TcpControl::Rst,
        seq_number,
        ack_number,
        window_len: 0,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    })
}

/// The IP header of a reset to whoever sent what `header` was read of.
fn envelope(header: &Header) -> IpRepr {
    let (from, to) = (header.destination.into(), header.source.into());
    IpRepr::new(from, to, IpProtocol::Tcp, RESET, ip::HOPS)
}

/// Writes a reset into a packet of just the right length.
pub(crate) fn emit_reset(envelope: &IpRepr, reset: &TcpRepr<'_>, packet: &mut [u8]) {
    let capabilities = ChecksumCapabilities::default();
    envelope.emit(&mut *packet, &capabilities);
    if let Some(payload) = packet.get_mut(envelope.header_len()..) {
        let mut segment = TcpPacket::new_unchecked(payload);
        reset.emit(&mut segment, &envelope.src_addr(), &envelope.dst_addr(), &capabilities);
    }
}
