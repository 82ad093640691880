//! What routers say of the paths from here: RFC 1191 and RFC 8201, of which the netstack knows
//! nothing. Their word counts for all paths, which is simple and costs some a few more packets.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use service_core::{Duration, Instant};
use smoltcp::wire::{Icmpv4Packet, Icmpv6Packet, Ipv4Packet, Ipv6Packet};

/// How long a router's word counts (RFC 8201 section 4).
const BELIEVED: Duration = Duration::from_secs(600);
/// What every link carries: of IPv6 (RFC 8200 section 5), and where there is only IPv4.
const LEAST_V6: usize = 1280;
const LEAST_V4: usize = 576;
const ETHERNET: usize = 14;

/// The longest packet that may be sent, in bytes.
pub(crate) struct PathMtu {
    own: Vec<IpAddr>,
    least: usize,
    link: usize,
    now: usize,
    until: Option<Instant>,
}

impl PathMtu {
    /// A link of this MTU, on which these are the own addresses.
    pub fn new(own: Vec<IpAddr>, link: usize) -> Self {
        let least = if own.iter().any(IpAddr::is_ipv6) { LEAST_V6 } else { LEAST_V4 };
        Self { own, least: least.min(link), link, now: link, until: None }
    }

    /// What holds at present.
    pub fn get(&self) -> usize {
        self.now
    }

    /// Listens to a frame that arrived.
    pub fn hear(&mut self, now: Instant, frame: &[u8]) {
        let told = match frame.get(12..14) {
            Some([0x08, 0x00]) if frame.get(ETHERNET + 9) == Some(&1) => self.told_v4(frame),
            Some([0x86, 0xdd]) if frame.get(ETHERNET + 6) == Some(&58) => self.told_v6(frame),
            _ => None,
        };
        if let Some(mtu) = told.map(|mtu| mtu.max(self.least)).filter(|mtu| *mtu <= self.now) {
            self.now = mtu;
            self.until = Some(now + BELIEVED);
        }
    }

    /// Whether what was told is so old that it may have changed; it counts no more then.
    pub fn forget(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            self.until = None;
            self.now = self.link;
        }
    }

    /// The MTU in a message that a packet of ours was too big, and may not be divided.
    fn told_v4(&self, frame: &[u8]) -> Option<usize> {
        const UNREACHABLE: u8 = 3;
        const FRAGMENTATION_NEEDED: u8 = 4;
        let packet = Ipv4Packet::new_checked(frame.get(ETHERNET..)?).ok()?;
        let bytes = packet.payload();
        let [UNREACHABLE, FRAGMENTATION_NEEDED, ..] = bytes else { return None };
        let message = Icmpv4Packet::new_checked(bytes).ok()?;
        let quoted: &[u8; 4] = bytes.get(8 + 12..)?.first_chunk()?;
        let ours = self.own.contains(&Ipv4Addr::from(*quoted).into());
        let mtu = u16::from_be_bytes([*bytes.get(6)?, *bytes.get(7)?]);
        (ours && message.verify_checksum()).then_some(mtu.into())
    }

    fn told_v6(&self, frame: &[u8]) -> Option<usize> {
        const PACKET_TOO_BIG: u8 = 2;
        let packet = Ipv6Packet::new_checked(frame.get(ETHERNET..)?).ok()?;
        let bytes = packet.payload();
        let [PACKET_TOO_BIG, ..] = bytes else { return None };
        let message = Icmpv6Packet::new_checked(bytes).ok()?;
        let quoted: &[u8; 16] = bytes.get(8 + 8..)?.first_chunk()?;
        let ours = self.own.contains(&Ipv6Addr::from(*quoted).into());
        let right = message.verify_checksum(&packet.src_addr(), &packet.dst_addr());
        let mtu: &[u8; 4] = bytes.get(4..)?.first_chunk()?;
        (ours && right).then_some(u32::from_be_bytes(*mtu) as usize)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use alloc::vec;
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{Icmpv6Repr, IpProtocol, Ipv4Repr, Ipv6Repr};

    const ROUTER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 3, 0, 0, 0, 0, 1);
    const WEB: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 3, 0, 0, 0, 0, 0x80);
    const CLIENT: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x100);
    const NOW: Instant = Instant::from_micros(5);

    fn path() -> PathMtu {
        PathMtu::new(vec![Ipv4Addr::new(203, 0, 113, 80).into(), WEB.into()], 1500)
    }

    fn too_big(mtu: u32, quoted: Ipv6Addr) -> Vec<u8> {
        let capabilities = ChecksumCapabilities::default();
        let header = Ipv6Repr {
            src_addr: quoted,
            dst_addr: CLIENT,
            next_header: IpProtocol::Tcp,
            payload_len: 1440,
            hop_limit: 63,
        };
        let repr = Icmpv6Repr::PktTooBig { mtu, header, data: &[0; 20] };
        let envelope = Ipv6Repr {
            src_addr: ROUTER,
            dst_addr: WEB,
            next_header: IpProtocol::Icmpv6,
            payload_len: repr.buffer_len(),
            hop_limit: 64,
        };
        let mut frame = vec![0; ETHERNET + 40 + repr.buffer_len()];
        frame[12..14].copy_from_slice(&[0x86, 0xdd]);
        envelope.emit(&mut Ipv6Packet::new_unchecked(&mut frame[ETHERNET..]));
        let mut message = Icmpv6Packet::new_unchecked(&mut frame[ETHERNET + 40..]);
        repr.emit(&ROUTER, &WEB, &mut message, &capabilities);
        frame
    }

    fn fragmentation_needed(mtu: u16) -> Vec<u8> {
        let own = Ipv4Addr::new(203, 0, 113, 80);
        let mut message = vec![3, 4, 0, 0, 0, 0, 0, 0, 0x45];
        message[6..8].copy_from_slice(&mtu.to_be_bytes());
        message.resize(8 + 28, 0);
        message[20..24].copy_from_slice(&own.octets());
        Icmpv4Packet::new_unchecked(&mut message[..]).fill_checksum();
        let envelope = Ipv4Repr {
            src_addr: Ipv4Addr::new(203, 0, 113, 1),
            dst_addr: own,
            next_header: IpProtocol::Icmp,
            payload_len: message.len(),
            hop_limit: 64,
        };
        let mut frame = vec![0; ETHERNET + 20];
        frame[12..14].copy_from_slice(&[0x08, 0x00]);
        let capabilities = ChecksumCapabilities::default();
        envelope.emit(&mut Ipv4Packet::new_unchecked(&mut frame[ETHERNET..]), &capabilities);
        frame.extend(message);
        frame
    }

    #[test]
    fn a_routers_word_counts_for_a_while() {
        for (frame, mtu) in [(too_big(1400, WEB), 1400), (fragmentation_needed(1300), 1300)] {
            let mut path = path();
            path.hear(NOW, &frame);
            assert_eq!(path.get(), mtu);
            path.forget(NOW + Duration::from_secs(599));
            assert_eq!(path.get(), mtu);
            path.forget(NOW + BELIEVED);
            assert_eq!(path.get(), 1500);
        }
    }

    #[test]
    fn nobody_makes_packets_tiny_or_larger_than_the_link() {
        let mut path = path();
        path.hear(NOW, &too_big(9000, WEB));
        assert_eq!(path.get(), 1500);
        path.hear(NOW, &too_big(68, WEB));
        assert_eq!(path.get(), LEAST_V6);
        let mut path = PathMtu::new(vec![Ipv4Addr::new(203, 0, 113, 80).into()], 1500);
        path.hear(NOW, &fragmentation_needed(0));
        assert_eq!(path.get(), LEAST_V4);
    }

    #[test]
    fn strangers_and_broken_messages_are_not_heard() {
        let mut path = path();
        path.hear(NOW, &too_big(1400, CLIENT));
        for frame in [too_big(1400, WEB), fragmentation_needed(1400)] {
            for length in 0..frame.len().min(ETHERNET + 40 + 30) {
                path.hear(NOW, &frame[..length]);
            }
            let mut wrong = frame;
            let last = wrong.len() - 1;
            wrong[last] ^= 1;
            path.hear(NOW, &wrong);
        }
        assert_eq!(path.get(), 1500);
    }
}
