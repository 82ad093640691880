//! Multicast listener discovery: RFC 3810, of which a node says which groups it listens to. A switch that watches
//! (RFC 4541) passes a neighbour's question on to nobody else. The groups are those of the node's own addresses.

use core::net::Ipv6Addr;

use smoltcp::wire::{Icmpv6Packet, IpProtocol, Ipv6Packet};

use crate::ethernet::{self, Mac};
use crate::{icmpv6, ipv6, ndp};

/// The length of the frame by which a node joins the group of one address.
pub const MEMBERSHIP: usize =
    ethernet::HEADER + ipv6::HEADER + ALERT.len() + REPORT_HEADER + RECORD;

const REPORT_HEADER: usize = 8;
const RECORD: usize = 20;
/// Options of every hop: ICMPv6 follows them, routers look at the packet (RFC 2711), and padding.
const ALERT: [u8; 8] = [icmpv6::PROTOCOL, 0, 5, 2, 0, 0, 1, 0];
/// Who listens to reports: all routers that can read them.
const REPORTS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
/// What neither question nor report is forwarded with.
const HOPS: u8 = 1;

const QUERY: u8 = 130;
/// The length of a question of the first version (RFC 2710); one of the second has more.
const QUESTION: usize = 24;
const REPORT: u8 = 143;
/// A record's type: from now on the group is listened to, whoever sends to it.
const EXCLUDE_NOBODY: u8 = 4;

/// Writes the frame by which a station joins the group of its `address`, into zeroes of [`MEMBERSHIP`] bytes.
///
/// It comes from no address (section 5.2.13): a node need not have a link-local one, and switches do not care.
pub fn join(mac: Mac, address: Ipv6Addr, frame: &mut [u8]) {
    ethernet::address(frame, ndp::group_mac(REPORTS), mac);
    ethernet::set_type(frame, ethernet::IPV6);
    let Some(packet) = frame.get_mut(ethernet::HEADER..MEMBERSHIP) else { return };
    let source = Ipv6Addr::UNSPECIFIED;
    ipv6::emit(source, REPORTS, IpProtocol::HopByHop, HOPS, packet);
    let (options, report) = packet[ipv6::HEADER..].split_at_mut(ALERT.len());
    options.copy_from_slice(&ALERT);
    let (header, record) = report.split_at_mut(REPORT_HEADER);
    header.copy_from_slice(&[REPORT, 0, 0, 0, 0, 0, 0, 1]);
    record[0] = EXCLUDE_NOBODY;
    record[4..].copy_from_slice(&ndp::group(address).octets());
    Icmpv6Packet::new_unchecked(report).fill_checksum(&source, &REPORTS);
}

/// Whether a frame asks who listens to which groups (section 5.1): a router's alert, and nothing else, stands before
/// the question.
pub fn asks_for_groups(frame: &[u8]) -> bool {
    let Some(([0x33, 0x33, ..], _, ethernet::IPV6)) = ethernet::parse(frame) else { return false };
    let Some((header, rest)) = frame[ethernet::HEADER..].split_first_chunk() else { return false };
    let header: Ipv6Packet<&[u8; ipv6::HEADER]> = Ipv6Packet::new_unchecked(header);
    let (source, to) = (header.src_addr(), header.dst_addr());
    let payload = rest.get(..usize::from(header.payload_len())).unwrap_or_default();
    let Some((options, message)) = payload.split_at_checked(ALERT.len()) else { return false };
    header.version() == 6
        && header.hop_limit() == HOPS
        && header.next_header() == IpProtocol::HopByHop
        && source.is_unicast_link_local()
        && matches!(options, [icmpv6::PROTOCOL, 0, ..])
        && message.first() == Some(&QUERY)
        && message.len() >= QUESTION
        && Icmpv6Packet::new_unchecked(message).verify_checksum(&source, &to)
}
