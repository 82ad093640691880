//! What a node without services of its own answers to what is sent to it: nothing listens here.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    IpProtocol, Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};

use crate::icmp::Problem;
use crate::ipv4::{self, Header};

/// The length of a reset, with its IPv4 header.
pub(crate) const RESET: usize = ipv4::HEADER + 20;

/// How a packet to the node is answered.
pub(crate) enum Answer {
    /// By an ICMP error.
    Problem(Problem),
    /// By a TCP reset.
    Reset(TcpRepr<'static>),
    /// Not at all.
    Nothing,
}

/// The answer to `packet`, of which `header` was read, and which is no echo request.
pub(crate) fn answer(header: &Header, packet: &[u8]) -> Answer {
    if header.fragment {
        return Answer::Nothing;
    }
    match header.protocol.into() {
        IpProtocol::Tcp => reset(header, packet).map_or(Answer::Nothing, Answer::Reset),
        IpProtocol::Udp => Answer::Problem(Problem::PortUnreachable),
        IpProtocol::Icmp => Answer::Nothing,
        _ => Answer::Problem(Problem::ProtocolUnreachable),
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

/// Writes a reset to whoever sent what `header` was read of, in a packet of [`RESET`] bytes.
pub(crate) fn emit_reset(reset: &TcpRepr<'_>, header: &Header, packet: &mut [u8]) {
    let capabilities = ChecksumCapabilities::default();
    let repr = Ipv4Repr {
        src_addr: header.destination,
        dst_addr: header.source,
        next_header: IpProtocol::Tcp,
        payload_len: RESET - ipv4::HEADER,
        hop_limit: 64,
    };
    repr.emit(&mut Ipv4Packet::new_unchecked(&mut *packet), &capabilities);
    if let Some(payload) = packet.get_mut(ipv4::HEADER..) {
        let (from, to) = (header.destination.into(), header.source.into());
        reset.emit(&mut TcpPacket::new_unchecked(payload), &from, &to, &capabilities);
    }
}
