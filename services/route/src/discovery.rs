//! What a node hears and says of its neighbours: by ARP of IPv4's, by NDP of IPv6's.

use core::net::IpAddr;

use service_core::Instant;

use crate::arp::{self, Arp};
use crate::counts::Reason;
use crate::ethernet::Mac;
use crate::ip::Header;
use crate::ndp::{self, Message, Ndp};
use crate::neighbour::Neighbour;
use crate::{Forwarder, Frame, Ports, ethernet, mld};

/// The length of the frame by which a node announces `address`.
pub const fn announcement_length(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(_) => arp::FRAME,
        IpAddr::V6(_) => ndp::FRAME,
    }
}

/// Writes the frame by which a station tells all neighbours that it has `address`, into zeroes of
/// just the right length.
pub fn announce(mac: [u8; 6], address: IpAddr, frame: &mut [u8]) {
    match address {
        IpAddr::V4(own) => Arp::request((mac, own), own).emit(None, frame),
        IpAddr::V6(own) => Ndp::announce(mac, own).emit(frame),
    }
}

impl<F: Frame> Forwarder<F> {
    /// Tells the switch of a port which groups are listened to there.
    pub(crate) fn join_groups<P: Ports<Frame = F>>(&mut self, port: usize, ports: &mut P) {
        let addresses = self.links.get(port).map_or(0, |link| link.addresses.len());
        for index in 0..addresses {
            let link = &self.links[port];
            if let (mac, IpAddr::V6(own)) = (link.mac, link.addresses[index]) {
                self.say(port, mld::MEMBERSHIP, |frame| mld::join(mac, own, frame), ports);
            }
        }
    }

    /// Tells all neighbours where the node's addresses are.
    pub(crate) fn announce_once<P: Ports<Frame = F>>(&mut self, ports: &mut P) {
        for port in 0..self.links.len() {
            self.join_groups(port, ports);
            for index in 0..self.links[port].addresses.len() {
                let link = &self.links[port];
                let (mac, own) = (link.mac, link.addresses[index]);
                let length = announcement_length(own);
                self.say(port, length, |frame| announce(mac, own, frame), ports);
            }
        }
    }

    pub(crate) fn receive_arp<P: Ports<Frame = F>>(
        &mut self,
        now: Instant,
        port: usize,
        mut frame: F,
        ports: &mut P,
    ) {
        let Some(arp) = Arp::parse(frame.head()) else {
            return self.discard(Reason::Malformed, frame, ports);
        };
        let link = &self.links[port];
        let (mac, address) = arp.sender;
        let for_us = link.owns(arp.target.1);
        // A probe has no address yet and is nobody to learn from.
        let probe = address.is_unspecified();
        if self.reserved.contains(&address.into()) || !(probe || link.is_attached(address)) {
            return self.discard(Reason::Martian, frame, ports);
        }
        if !probe {
            self.learn(now, port, address.into(), mac, for_us && arp.request, ports);
        }
        if !(arp.request && for_us) {
            return ports.discard(frame);
        }
        let sender = (self.links[port].mac, arp.target.1);
        let reply = Arp { request: false, sender, target: arp.sender };
        reply.emit(Some(mac), frame.head_mut());
        self.counts.sent += 1;
        ports.send(port, frame);
    }

    /// Whether a port takes in frames to this group: one that an address of its own belongs to.
    pub(crate) fn listens_to(&self, port: usize, to: Mac) -> bool {
        let group = |own: &IpAddr| match own {
            IpAddr::V4(_) => false,
            IpAddr::V6(own) => ndp::group_mac(ndp::group(*own)) == to,
        };
        to[0] & 1 != 0 && self.links.get(port).is_some_and(|link| link.addresses.iter().any(group))
    }

    /// Takes an IPv6 packet to such a group: a question for an address, or nothing for a node that
    /// only forwards.
    pub(crate) fn receive_from_group<P: Ports<Frame = F>>(
        &mut self,
        now: Instant,
        port: usize,
        frame: F,
        ports: &mut P,
    ) {
        let packet = frame.head().get(ethernet::HEADER..).unwrap_or_default();
        match Header::of_frame(frame.head(), frame.len()) {
            Some(header) if ndp::is_one(&header, packet) => {
                self.receive_ndp(now, port, &header, frame, ports);
            }
            Some(_) => self.discard(Reason::Station, frame, ports),
            None => self.discard(Reason::Malformed, frame, ports),
        }
    }

    /// Takes a message about a neighbour, of whose packet `header` was read.
    pub(crate) fn receive_ndp<P: Ports<Frame = F>>(
        &mut self,
        now: Instant,
        port: usize,
        header: &Header,
        frame: F,
        ports: &mut P,
    ) {
        let Some(ndp) = Ndp::parse(header, frame.head()) else {
            return self.discard(Reason::Malformed, frame, ports);
        };
        let link = &self.links[port];
        let about = match ndp.message {
            Message::Solicitation { .. } => ndp.source,
            Message::Advertisement { target, .. } => target,
        };
        // Who looks for duplicates has no address yet; link-local addresses are never sent to by
        // this node itself, and so not remembered.
        let stranger = about.is_unspecified() || about.is_unicast_link_local();
        if self.reserved.contains(&about.into()) || !(stranger || link.is_attached(about)) {
            return self.discard(Reason::Martian, frame, ports);
        }
        match ndp.message {
            Message::Solicitation { target } if link.owns(target) => {
                let answer = ndp.answer(link.mac, target);
                if !stranger && ndp.names_station {
                    self.learn(now, port, about.into(), ndp.mac, true, ports);
                }
                self.send_ndp(port, &answer, ports);
            }
            Message::Advertisement { overriding, .. } if !stranger => {
                let known = self.neighbours.station(Neighbour { port, address: about.into() });
                // Without its address in the message it only confirms what is known (section 7.2.5).
                let counts = match known {
                    Some(mac) => mac == ndp.mac || overriding && ndp.names_station,
                    None => ndp.names_station,
                };
                if counts {
                    self.learn(now, port, about.into(), ndp.mac, false, ports);
                }
            }
            _ => {}
        }
        ports.discard(frame);
    }

    /// Learns that `address` is at `mac`, and sends what waited for that.
    fn learn<P: Ports<Frame = F>>(
        &mut self,
        now: Instant,
        port: usize,
        address: IpAddr,
        mac: Mac,
        unasked: bool,
        ports: &mut P,
    ) {
        let neighbour = Neighbour { port, address };
        self.neighbours.learn(now, neighbour, mac, unasked);
        while let Some(waiting) = self.neighbours.release(neighbour) {
            self.transmit(port, mac, waiting, ports);
        }
    }
}
