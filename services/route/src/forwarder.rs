//! The forwarder: what happens to a frame, in order.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use service_config::NodeConfig;
use service_console::{Dropped, Event, Protocol, REVERSE_PATH};
use service_core::{CounterName, Counters, Instant, RateLimit};
use service_filter::{Cause, Filter, Packet, Verdict};

use crate::counts::{Counts, Reason};
use crate::ethernet::{self, Mac};
use crate::ip::{self, Header, Problem};
use crate::link::Link;
use crate::local::{self, Answer};
use crate::neighbour::{Neighbour, Neighbours, Work};
use crate::routes::{Hop, Routes};
use crate::{Frame, Ports, RouteError, limits};
use crate::{mld, ndp};

/// Forwards between the interfaces of one node.
#[derive(Debug)]
pub struct Forwarder<F> {
    node: String,
    pub(crate) links: Vec<Link>,
    pub(crate) routes: Routes,
    /// Own addresses and the broadcasts of attached prefixes: nobody else's source.
    pub(crate) reserved: Vec<IpAddr>,
    /// Whether sources must be where routes lead back to them (RFC 3704 section 2.2).
    checks_sources: bool,
    pub(crate) neighbours: Neighbours<F>,
    /// When to announce the node's addresses again.
    announcement: Option<Instant>,
    filter: Option<Filter>,
    pub(crate) errors: RateLimit,
    lines: RateLimit,
    groups: RateLimit,
    events: VecDeque<DropEvent>,
    pub(crate) counts: Counts,
}

/// A dropped packet that is worth a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropEvent {
    ingress: usize,
    /// What in the filter decided; `None` where the packet was spoofed.
    cause: Option<Cause>,
    packet: Packet,
}

/// What happens to a packet.
enum Fate {
    /// It goes to a neighbour.
    Forward(Neighbour, Header),
    /// It is about a neighbour.
    Discover(Header),
    /// It is for the node itself.
    Local(Header),
    /// It ends here.
    Drop(Reason),
    /// It ends here, and its sender is told why.
    Refuse(Reason, Problem, Header),
}

impl<F: Frame> Forwarder<F> {
    /// A forwarder for `config`; `seed` is a number that outsiders cannot guess.
    pub fn new(config: &NodeConfig, seed: u64) -> Result<Self, RouteError> {
        let filter = match &config.filter {
            Some(policy) => {
                Some(Filter::new(policy, &config.interfaces, seed).map_err(RouteError::Filter)?)
            }
            None => None,
        };
        let links: Vec<Link> = config.interfaces.iter().map(Link::new).collect();
        if links.iter().all(|link| link.addresses.is_empty()) {
            return Err(RouteError::NoAddress);
        }
        let routes = Routes::new(config);
        Ok(Self {
            node: config.node.clone(),
            reserved: routes.reserved(),
            checks_sources: config.checks_sources(),
            links,
            routes,
            neighbours: Neighbours::new(seed),
            announcement: None,
            filter,
            errors: RateLimit::new(limits::ERRORS.0, limits::ERRORS.1),
            lines: RateLimit::new(limits::LINES.0, limits::LINES.1),
            groups: RateLimit::new(limits::GROUPS.0, limits::GROUPS.1),
            events: VecDeque::with_capacity(limits::EVENTS),
            counts: Counts::default(),
        })
    }

    /// Tells the neighbours where the node's addresses are, now and, from
    /// [`poll`](Self::poll), once more (RFC 5227 section 3); call it when the ports are up.
    pub fn announce<P: Ports<Frame = F>>(&mut self, now: Instant, ports: &mut P) {
        self.announce_once(ports);
        self.announcement = Some(now + limits::ANNOUNCEMENT);
    }

    /// Takes a frame that came in by `port`.
    pub fn receive<P: Ports<Frame = F>>(
        &mut self,
        now: Instant,
        port: usize,
        frame: F,
        ports: &mut P,
    ) {
        self.counts.received += 1;
        let mine = |mac: Mac| self.links.get(port).is_some_and(|link| link.mac == mac);
        let reason = match ethernet::parse(frame.head()) {
            Some((to, _, ethernet::IPV4 | ethernet::IPV6)) if mine(to) => {
                return self.receive_ip(now, port, frame, ports);
            }
            Some((to, _, ethernet::ARP)) if mine(to) || to == ethernet::BROADCAST => {
                return self.receive_arp(now, port, frame, ports);
            }
            Some((_, _, ethernet::IPV6)) if mld::asks_for_groups(frame.head()) => {
                if self.groups.allow(now) {
                    self.join_groups(port, ports);
                }
                return ports.discard(frame);
            }
            Some((to, _, ethernet::IPV6)) if self.listens_to(port, to) => {
                return self.receive_from_group(now, port, frame, ports);
            }
            Some((_, _, ethernet::IPV4 | ethernet::IPV6 | ethernet::ARP)) => Reason::Station,
            Some(_) => Reason::Protocol,
            None => Reason::Malformed,
        };
        self.discard(reason, frame, ports);
    }

    /// Does what is due; returns when to call again at the latest, `None` when nothing waits.
    pub fn poll<P: Ports<Frame = F>>(&mut self, now: Instant, ports: &mut P) -> Option<Instant> {
        while let Some(work) = self.neighbours.work(now) {
            match work {
                Work::Ask(neighbour) => self.ask(neighbour, None, ports),
                Work::GiveUp(frame) => {
                    let packet = frame.head().get(ethernet::HEADER..).unwrap_or_default();
                    if let Some(header) = Header::of_frame(frame.head(), frame.len()) {
                        self.refuse(now, Problem::HostUnreachable, &header, packet, ports);
                    }
                    self.discard(Reason::Unresolved, frame, ports);
                }
            }
        }
        if self.announcement.is_some_and(|due| due <= now) {
            self.announcement = None;
            self.announce_once(ports);
        }
        self.neighbours.deadline().into_iter().chain(self.announcement).min()
    }

    /// The next dropped packet for the console, oldest first; already limited in rate.
    pub fn take_drop_event(&mut self) -> Option<DropEvent> {
        self.events.pop_front()
    }

    /// The line for a dropped packet; `None` if it is none of this forwarder's.
    pub fn describe<'a>(&'a self, event: &DropEvent) -> Option<Event<'a>> {
        let protocol = Protocol::of(event.packet.protocol);
        let rule = match event.cause {
            Some(cause) => self.filter.as_ref()?.cause_name(cause),
            None => REVERSE_PATH,
        };
        let drop = Dropped {
            rule,
            interface: &self.links.get(event.ingress)?.name,
            protocol,
            source: event.packet.source,
            destination: event.packet.destination,
            port: event.packet.port(),
        };
        Some(Event::Drop { node: &self.node, drop })
    }

    fn receive_ip<P: Ports<Frame = F>>(
        &mut self,
        now: Instant,
        port: usize,
        mut frame: F,
        ports: &mut P,
    ) {
        match self.judge(now, port, &frame) {
            Fate::Forward(next, header) => {
                ip::decrement_hops(&header, &mut frame.head_mut()[ethernet::HEADER..]);
                self.counts.forwarded += 1;
                self.output(now, next, frame, ports);
            }
            Fate::Discover(header) => self.receive_ndp(now, port, &header, frame, ports),
            Fate::Local(header) => self.receive_local(now, &header, frame, ports),
            Fate::Drop(reason) => self.discard(reason, frame, ports),
            Fate::Refuse(reason, problem, header) => {
                self.refuse(now, problem, &header, &frame.head()[ethernet::HEADER..], ports);
                self.discard(reason, frame, ports);
            }
        }
    }

    fn judge(&mut self, now: Instant, port: usize, frame: &F) -> Fate {
        let packet = frame.head().get(ethernet::HEADER..).unwrap_or_default();
        let room = frame.len().saturating_sub(ethernet::HEADER);
        let Some(header) = Header::of_frame(frame.head(), frame.len()) else {
            return Fate::Drop(Reason::Malformed);
        };
        // Between neighbours link-local addresses serve, and no policy is asked (RFC 4890).
        if ndp::is_one(&header, packet) && self.links[port].owns(header.destination) {
            return Fate::Discover(header);
        }
        if !header.is_routable() || self.reserved.contains(&header.source) {
            return Fate::Drop(Reason::Martian);
        }
        // Of every packet: what an outsider forges may well fit a flow that is open.
        if self.checks_sources && !self.routes.lead_by(port, header.source) {
            self.record(now, port, None, packet, room);
            return Fate::Drop(Reason::Spoofed);
        }
        if header.source_routed {
            return Fate::Drop(Reason::SourceRoute);
        }
        let hop = self.routes.lookup(header.destination);
        let egress = match hop {
            Some(Hop::Neighbour { port, .. }) => Some(port),
            Some(Hop::Broadcast) => return Fate::Drop(Reason::Martian),
            Some(Hop::Local) | None => None,
        };
        if let Some(filter) = &mut self.filter
            && let Verdict::Drop { cause, log } = filter.check(now, port, egress, packet, room)
        {
            if log {
                self.record(now, port, Some(cause), packet, room);
            }
            return Fate::Drop(Reason::Filtered);
        }
        let next = match hop {
            Some(Hop::Neighbour { port, gateway }) => {
                Neighbour { port, address: gateway.unwrap_or(header.destination) }
            }
            Some(Hop::Local | Hop::Broadcast) => return Fate::Local(header),
            None => return Fate::Refuse(Reason::NoRoute, Problem::NoRoute, header),
        };
        if header.hops <= 1 {
            return Fate::Refuse(Reason::Expired, Problem::TimeExceeded, header);
        }
        let mtu = self.links[next.port].mtu;
        if frame.wire_len() > ethernet::HEADER + mtu && header.total > mtu {
            if header.dont_fragment {
                let problem = Problem::TooBig(mtu as u16);
                return Fate::Refuse(Reason::Oversize, problem, header);
            }
            return Fate::Drop(Reason::Oversize);
        }
        Fate::Forward(next, header)
    }

    /// Answers what is for the node itself.
    fn receive_local<P: Ports<Frame = F>>(
        &mut self,
        now: Instant,
        header: &Header,
        mut frame: F,
        ports: &mut P,
    ) {
        if ip::reply_to_echo(header, &mut frame.head_mut()[ethernet::HEADER..]) {
            return match self.back(header.source) {
                Some(next) => self.output(now, next, frame, ports),
                None => self.discard(Reason::NoRoute, frame, ports),
            };
        }
        let packet = &frame.head()[ethernet::HEADER..];
        match local::answer(header, packet) {
            Answer::Problem(problem) => self.refuse(now, problem, header, packet, ports),
            Answer::Reset(envelope, reset) => {
                if self.errors.allow(now)
                    && let Some(next) = self.back(header.source)
                    && let Some(mut reply) =
                        self.allocate_ip(header.source, envelope.buffer_len(), ports)
                {
                    local::emit_reset(&envelope, &reset, &mut reply.head_mut()[ethernet::HEADER..]);
                    self.output(now, next, reply, ports);
                }
            }
            Answer::Nothing => {}
        }
        self.discard(Reason::Local, frame, ports);
    }
}

impl<F> Forwarder<F> {
    fn record(
        &mut self,
        now: Instant,
        ingress: usize,
        cause: Option<Cause>,
        packet: &[u8],
        room: usize,
    ) {
        if self.events.len() < limits::EVENTS
            && let Ok(packet) = Packet::parse(packet, room)
            && self.lines.allow(now)
        {
            self.events.push_back(DropEvent { ingress, cause, packet });
        }
    }
}

impl<F> Counters for Forwarder<F> {
    fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64)) {
        self.counts.visit(visit);
        if let Some(filter) = &self.filter {
            filter.visit(visit);
        }
    }
}
