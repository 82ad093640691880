//! Connections: any [`Session`] over TCP, one thread, edge-triggered.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrAny, SocketFlags, SocketType,
    acceptfrom_with, bind, listen, recv, send, shutdown, socket_with, sockopt,
};
use service_core::{Duration, Instant, Session};

use crate::Fatal;
use crate::events::{EventFlags, Events};

/// Connections held at once; one more ends the one that has been silent longest.
const CONNECTIONS: usize = 960;
/// The same, where few ask and seldom.
const FEW: usize = 8;
/// Connections accepted before others are served again.
const ACCEPTS: usize = 64;
/// Reads from one connection before others are served again.
const READS: usize = 16;
const BACKLOG: i32 = 1024;
/// Bytes read at once.
const INPUT: usize = 16 << 10;
/// Deadlines are looked at no more often than this.
const SWEEP: Duration = Duration::from_millis(250);

/// The token of the first listener; connections' tokens are below.
const LISTENERS: u64 = 1 << 63;
/// The bits that tell one server's tokens from another's, in one that is served beside it, and in UDP sockets'.
const SERVER: u64 = 7 << 60;
const BESIDE: u64 = 1 << 60;
const SLOT_BITS: u32 = 32;
/// Generations that fit between slots and servers.
const GENERATIONS: u32 = (1 << 28) - 1;

struct Connection<S> {
    socket: OwnedFd,
    session: S,
    /// Input that the session did not take because responses wait.
    pending: Vec<u8>,
    /// Input may wait in the socket.
    readable: bool,
    /// Nothing more will be sent; what arrives is discarded.
    finished: bool,
}

/// What becomes of a connection after it was served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It waits for its next event.
    Wait,
    /// It has used up its turn and has more to do.
    Again,
    /// It is over.
    Close,
}

struct Slot<S> {
    /// Rises with each use, so that an event for a former connection is not taken for this one's.
    generation: u32,
    connection: Option<Box<Connection<S>>>,
}

/// A TCP server.
pub struct Streams<S: Session> {
    service: S::Service,
    /// What its tokens have in their `SERVER` bits.
    server: u64,
    /// Connections held at once.
    most: usize,
    listeners: Vec<OwnedFd>,
    slots: Vec<Slot<S>>,
    free: Vec<u32>,
    /// Slots that have more to do.
    again: Vec<u32>,
    input: Box<[u8]>,
    sweep: Option<Instant>,
}

impl<S: Session> Streams<S> {
    /// Listens on `port` of each address.
    pub fn listen(
        service: S::Service,
        addresses: impl IntoIterator<Item = IpAddr>,
        port: u16,
        events: &Events,
    ) -> Result<Self, Fatal> {
        Self::open_all(service, addresses, port, events, 0, CONNECTIONS)
    }

    /// Listens beside a node's first TCP server, for few connections.
    pub fn listen_beside(
        service: S::Service,
        addresses: impl IntoIterator<Item = IpAddr>,
        port: u16,
        events: &Events,
    ) -> Result<Self, Fatal> {
        Self::open_all(service, addresses, port, events, BESIDE, FEW)
    }

    fn open_all(
        service: S::Service,
        addresses: impl IntoIterator<Item = IpAddr>,
        port: u16,
        events: &Events,
        server: u64,
        most: usize,
    ) -> Result<Self, Fatal> {
        let mut listeners = Vec::new();
        for address in addresses {
            let address = SocketAddr::new(address, port);
            let token = LISTENERS | server | listeners.len() as u64;
            let listener = open(address)
                .and_then(|listener| {
                    events.watch(&listener, token, EventFlags::IN).map(|()| listener)
                })
                .map_err(|error| Fatal::system(format!("listen on tcp {address}"), error))?;
            listeners.push(listener);
        }
        Ok(Self {
            service,
            server,
            most,
            listeners,
            slots: Vec::new(),
            free: Vec::new(),
            again: Vec::new(),
            input: vec![0; INPUT].into(),
            sweep: None,
        })
    }

    /// What is served.
    pub const fn service(&self) -> &S::Service {
        &self.service
    }

    /// Whether an event's token is one of this server's.
    pub const fn owns(&self, token: u64) -> bool {
        token & SERVER == self.server
    }

    /// Takes an event of one of this server's descriptors.
    pub fn handle(
        &mut self,
        counters: &mut S::Counters,
        now: Instant,
        events: &Events,
        token: u64,
        flags: EventFlags,
    ) {
        if token >= LISTENERS {
            return self.accept(counters, now, events, token as u32 as usize);
        }
        let (index, generation) = (token as u32, (token >> SLOT_BITS) as u32 & GENERATIONS);
        let Some(slot) =
            self.slots.get_mut(index as usize).filter(|slot| slot.generation == generation)
        else {
            return;
        };
        if let Some(connection) = &mut slot.connection
            && flags
                .intersects(EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR)
        {
            connection.readable = true;
        }
        self.serve(counters, now, index);
    }

    /// Goes on with connections that had more to do, ends those whose deadline has passed, and says when to be
    /// called next.
    pub fn poll(&mut self, counters: &mut S::Counters, now: Instant) -> Option<Instant> {
        for index in core::mem::take(&mut self.again) {
            self.serve(counters, now, index);
        }
        if self.sweep.is_some_and(|sweep| sweep <= now) {
            self.sweep(now);
        }
        if self.again.is_empty() { self.sweep } else { Some(now) }
    }

    fn accept(
        &mut self,
        counters: &mut S::Counters,
        now: Instant,
        events: &Events,
        listener: usize,
    ) {
        for _ in 0..ACCEPTS {
            let Some(listener) = self.listeners.get(listener) else { return };
            match acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok((socket, client)) => {
                    if self.admits(client) {
                        self.open(counters, now, events, socket);
                    } else {
                        abort(socket);
                    }
                }
                Err(Errno::AGAIN) => return,
                // The peer gave up before we came to it: the next may not have.
                Err(
                    Errno::INTR
                    | Errno::CONNABORTED
                    | Errno::PROTO
                    | Errno::NETDOWN
                    | Errno::HOSTUNREACH,
                ) => {}
                // Out of descriptors or memory: make room and come back with the listener's next event.
                Err(_) => return self.evict(),
            }
        }
    }

    fn admits(&self, client: Option<SocketAddrAny>) -> bool {
        let client = client.and_then(|client| SocketAddr::try_from(client).ok());
        client.is_some_and(|client| S::admits(&self.service, client.ip()))
    }

    fn open(&mut self, counters: &mut S::Counters, now: Instant, events: &Events, socket: OwnedFd) {
        // Responses are written whole: waiting for more of them would only delay the last segment.
        if sockopt::set_tcp_nodelay(&socket, true).is_err() {
            return; // the peer has reset it already
        }
        if self.slots.len() - self.free.len() >= self.most {
            self.evict();
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, connection: None });
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        let token = self.server | u64::from(slot.generation) << SLOT_BITS | u64::from(index);
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        if events.watch(&socket, token, flags).is_err() {
            self.free.push(index); // out of kernel memory: this connection is refused
            return;
        }
        let session = S::open(counters, now);
        note(&mut self.sweep, session.deadline(), now);
        slot.connection = Some(Box::new(Connection {
            socket,
            session,
            pending: Vec::new(),
            readable: false,
            finished: false,
        }));
    }

    fn serve(&mut self, counters: &mut S::Counters, now: Instant, index: u32) {
        let Some(connection) = &mut self.slots[index as usize].connection else { return };
        match connection.turn(&self.service, counters, now, &mut self.input) {
            Fate::Wait => note(&mut self.sweep, connection.session.deadline(), now),
            Fate::Again => self.again.push(index),
            Fate::Close => self.close(index),
        }
    }

    /// Closes the socket, which also removes it from the events.
    fn close(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if slot.connection.take().is_some() {
            slot.generation = slot.generation.wrapping_add(1) & GENERATIONS;
            self.free.push(index);
        }
    }

    fn deadlines(&self) -> impl Iterator<Item = (Instant, u32)> {
        let open = |(index, slot): (usize, &Slot<S>)| {
            Some((slot.connection.as_ref()?.session.deadline(), index as u32))
        };
        self.slots.iter().enumerate().filter_map(open)
    }

    fn sweep(&mut self, now: Instant) {
        let expired: Vec<u32> =
            self.deadlines().filter(|(at, _)| *at <= now).map(|(_, index)| index).collect();
        expired.into_iter().for_each(|index| self.close(index));
        let next = self.deadlines().map(|(at, _)| at).min();
        self.sweep = next.map(|at| at.max(now + SWEEP));
    }

    fn evict(&mut self) {
        if let Some((_, index)) = self.deadlines().min() {
            self.close(index);
        }
    }
}

/// Makes sure that the next sweep is not later than `deadline`.
fn note(sweep: &mut Option<Instant>, deadline: Instant, now: Instant) {
    let at = deadline.max(now + SWEEP);
    if sweep.is_none_or(|sweep| at < sweep) {
        *sweep = Some(at);
    }
}

impl<S: Session> Connection<S> {
    fn turn(
        &mut self,
        service: &S::Service,
        counters: &mut S::Counters,
        now: Instant,
        input: &mut [u8],
    ) -> Fate {
        for _ in 0..READS {
            match self.flush(service, now) {
                Ok(true) => {}
                Ok(false) => return Fate::Wait,
                Err(_) => return Fate::Close,
            }
            if !self.pending.is_empty() {
                let taken = self.session.receive(service, counters, now, &self.pending);
                self.pending.drain(..taken);
                continue;
            }
            if !self.readable {
                return Fate::Wait;
            }
            match recv(&self.socket, &mut *input, RecvFlags::empty()) {
                Ok((0, _)) => return Fate::Close,
                Ok((length, _)) => {
                    if !self.finished {
                        let taken = self.session.receive(service, counters, now, &input[..length]);
                        self.pending.extend_from_slice(&input[taken..length]);
                    }
                }
                Err(Errno::AGAIN) => self.readable = false,
                Err(Errno::INTR) => {}
                Err(_) => return Fate::Close,
            }
        }
        Fate::Again
    }

    /// Writes what the session has; whether all of it went.
    fn flush(&mut self, service: &S::Service, now: Instant) -> Result<bool, Errno> {
        loop {
            let output = self.session.transmit(service);
            if output.is_empty() {
                break;
            }
            match send(&self.socket, output, SendFlags::NOSIGNAL) {
                Ok(count) => self.session.sent(service, now, count),
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        if self.session.close_after_flush() && !self.finished {
            shutdown(&self.socket, Shutdown::Write)?;
            self.finished = true;
            self.pending = Vec::new();
        }
        Ok(true)
    }
}

/// Ends a connection with a reset, as if nobody had listened.
fn abort(socket: OwnedFd) {
    // Whatever this cannot do, closing does more politely.
    let _ = sockopt::set_socket_linger(&socket, Some(core::time::Duration::ZERO));
    drop(socket);
}

fn open(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(
        family,
        SocketType::STREAM,
        SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
        None,
    )?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}
