//! How frames leave: to a neighbour, as a question for one, as an error to a sender, or not.

use core::net::IpAddr;

use service_core::Instant;

use crate::arp::{self, Arp};
use crate::counts::Reason;
use crate::ethernet::{self, Mac};
use crate::ip::{self, Header, Problem};
use crate::ndp::{self, Ndp, Outgoing};
use crate::neighbour::{Neighbour, Resolution};
use crate::routes::Hop;
use crate::{Forwarder, Frame, Ports};

impl<F: Frame> Forwarder<F> {
    /// Sends a packet to a neighbour, or keeps it until that is found.
    pub(crate) fn output<P: Ports<Frame = F>>(
        &mut self,
        now: Instant,
        next: Neighbour,
        frame: F,
        ports: &mut P,
    ) {
        match self.neighbours.resolve(now, next) {
            Resolution::Known(mac) => self.transmit(next.port, mac, frame, ports),
            Resolution::Stale(mac) => {
                self.transmit(next.port, mac, frame, ports);
                self.ask(next, Some(mac), ports);
            }
            asked @ (Resolution::Unknown | Resolution::Asked) => {
                if let Some(frame) = self.neighbours.hold(next, frame) {
                    self.discard(Reason::Unresolved, frame, ports);
                }
                if asked == Resolution::Unknown {
                    self.ask(next, None, ports);
                }
            }
        }
    }

    pub(crate) fn transmit<P: Ports<Frame = F>>(
        &mut self,
        port: usize,
        mac: Mac,
        mut frame: F,
        ports: &mut P,
    ) {
        ethernet::address(frame.head_mut(), mac, self.links[port].mac);
        self.counts.sent += 1;
        ports.send(port, frame);
    }

    /// Asks for a neighbour: the station that it was, or all.
    pub(crate) fn ask<P: Ports<Frame = F>>(
        &mut self,
        neighbour: Neighbour,
        station: Option<Mac>,
        ports: &mut P,
    ) {
        let link = &self.links[neighbour.port];
        match (link.speaks_to(neighbour.address), neighbour.address) {
            (Some(IpAddr::V4(own)), IpAddr::V4(target)) => {
                let arp = Arp::request((link.mac, own), target);
                self.send_arp(neighbour.port, &arp, station, ports);
            }
            (Some(IpAddr::V6(own)), IpAddr::V6(target)) => {
                let question = Ndp::ask((link.mac, own), target, station);
                self.send_ndp(neighbour.port, &question, ports);
            }
            _ => {}
        }
    }

    pub(crate) fn send_arp<P: Ports<Frame = F>>(
        &mut self,
        port: usize,
        arp: &Arp,
        station: Option<Mac>,
        ports: &mut P,
    ) {
        self.say(port, arp::FRAME, |frame| arp.emit(station, frame), ports);
    }

    pub(crate) fn send_ndp<P: Ports<Frame = F>>(
        &mut self,
        port: usize,
        message: &Outgoing,
        ports: &mut P,
    ) {
        self.say(port, ndp::FRAME, |frame| message.emit(frame), ports);
    }

    /// Sends a frame of `length` bytes of the node's own, which `write` fills, where there is one to be had.
    pub(crate) fn say<P: Ports<Frame = F>>(
        &mut self,
        port: usize,
        length: usize,
        write: impl FnOnce(&mut [u8]),
        ports: &mut P,
    ) {
        if let Some(mut frame) = self.allocate(length, ports) {
            write(frame.head_mut());
            self.counts.sent += 1;
            ports.send(port, frame);
        }
    }

    /// Tells the sender of `packet` about a problem with it, if it may be told.
    pub(crate) fn refuse<P: Ports<Frame = F>>(
        &mut self,
        now: Instant,
        problem: Problem,
        header: &Header,
        packet: &[u8],
        ports: &mut P,
    ) {
        let sender = header.source;
        if let Some(quotation) = ip::quotation(header, packet)
            && let Some(next) = self.back(sender)
            && let Some(own) = self.links[next.port].speaks_to(sender)
            && self.errors.allow(now)
            && let Some(mut error) =
                self.allocate_ip(sender, ip::error_length(sender, quotation), ports)
        {
            let message = &mut error.head_mut()[ethernet::HEADER..];
            ip::emit_error(problem, own, sender, quotation, message);
            self.counts.errors += 1;
            self.output(now, next, error, ports);
        }
    }

    /// The way back to who sent a packet; `None` for the node itself and what no route leads to.
    pub(crate) fn back(&self, source: IpAddr) -> Option<Neighbour> {
        match self.routes.lookup(source)? {
            Hop::Neighbour { port, gateway } => {
                Some(Neighbour { port, address: gateway.unwrap_or(source) })
            }
            Hop::Local | Hop::Broadcast => None,
        }
    }

    /// A frame with a packet of `length` bytes to be written, to a `peer` of either family.
    pub(crate) fn allocate_ip<P: Ports<Frame = F>>(
        &mut self,
        peer: IpAddr,
        length: usize,
        ports: &mut P,
    ) -> Option<F> {
        let mut frame = self.allocate(ethernet::HEADER + length, ports)?;
        let kind = if peer.is_ipv4() { ethernet::IPV4 } else { ethernet::IPV6 };
        ethernet::set_type(frame.head_mut(), kind);
        Some(frame)
    }

    pub(crate) fn allocate<P: Ports<Frame = F>>(
        &mut self,
        length: usize,
        ports: &mut P,
    ) -> Option<F> {
        let frame = ports.allocate(length);
        if frame.is_none() {
            self.counts.drop(Reason::Memory);
        }
        frame
    }

    pub(crate) fn discard<P: Ports<Frame = F>>(&mut self, reason: Reason, frame: F, ports: &mut P) {
        self.counts.drop(reason);
        ports.discard(frame);
    }
}
