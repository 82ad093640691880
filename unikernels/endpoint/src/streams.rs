//! TCP: a listening socket for whoever comes, a session for whoever is there.

use alloc::vec;
use alloc::vec::Vec;

use service_core::{Instant, Session};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Duration;

const RECEIVE_BUFFER: usize = 4096;
const SEND_BUFFER: usize = 8192;
/// Heap that one connection takes, its session's and the allocator's part included.
const CONNECTION: usize = RECEIVE_BUFFER + SEND_BUFFER + 2048;
/// Sockets that listen: as many can connect between two turns of the loop.
const BACKLOG: usize = 16;
/// Most connections, as smoltcp looks at all for each packet.
const MOST: usize = 512;
/// How long a connection must have been silent before it makes room for a new one.
const SILENCE: service_core::Duration = service_core::Duration::from_millis(500);
/// How long a peer may be silent while something is on its way to it.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How many connections there may be.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    /// Sockets that listen.
    backlog: usize,
    /// Sockets in all.
    most: usize,
}

impl Room {
    /// For a service that few ask, and seldom.
    pub const FEW: Self = Self { backlog: 2, most: 4 };

    /// As many connections as `memory` bytes of the heap hold.
    pub fn within(memory: usize) -> Self {
        Self { backlog: BACKLOG, most: (memory / CONNECTION).clamp(BACKLOG, MOST) }
    }
}

/// All connections of a service.
pub(crate) struct Streams<S: Session> {
    port: u16,
    slots: Vec<Slot<S>>,
    room: Room,
    listening: usize,
}

struct Slot<S> {
    handle: SocketHandle,
    session: Option<S>,
    /// When a byte last moved, or a client last came.
    active: Instant,
}

impl<S: Session> Streams<S> {
    /// Listens on `port`.
    pub fn new(port: u16, room: Room, sockets: &mut SocketSet<'_>) -> Self {
        let slots = Vec::with_capacity(room.most);
        let mut streams = Self { port, slots, room, listening: 0 };
        for _ in 0..room.backlog {
            streams.add(sockets, Instant::ZERO);
        }
        streams
    }

    fn add(&mut self, sockets: &mut SocketSet<'_>, now: Instant) {
        let receive = SocketBuffer::new(vec![0; RECEIVE_BUFFER]);
        let mut socket = Socket::new(receive, SocketBuffer::new(vec![0; SEND_BUFFER]));
        socket.set_nagle_enabled(false);
        socket.set_timeout(Some(TIMEOUT));
        // A socket just made listens on any port but zero.
        if socket.listen(self.port).is_err() {
            machine::die(format_args!("cannot listen on port {}", self.port));
        }
        self.slots.push(Slot { handle: sockets.add(socket), session: None, active: now });
        self.listening += 1;
    }

    /// Sockets that listen.
    pub fn listening(&self) -> usize {
        self.listening
    }

    /// Whether there are as many connections as there may be.
    pub fn is_full(&self) -> bool {
        self.slots.len() >= self.room.most && self.listening == 0
    }

    /// Moves bytes between sockets and sessions; whether there is something new to send.
    pub fn serve(
        &mut self,
        sockets: &mut SocketSet<'_>,
        service: &S::Service,
        counters: &mut S::Counters,
        now: Instant,
    ) -> bool {
        let mut progress = false;
        let mut listening = 0;
        let mut at = 0;
        while let Some(slot) = self.slots.get_mut(at) {
            let socket = sockets.get_mut::<Socket>(slot.handle);
            match socket.state() {
                State::Listen => {
                    listening += 1;
                    slot.active = now;
                }
                State::SynReceived => {}
                State::Closed => {
                    slot.session = None;
                    slot.active = now;
                    if listening >= self.room.backlog || socket.listen(self.port).is_err() {
                        sockets.remove(slot.handle);
                        self.slots.swap_remove(at);
                        continue;
                    }
                    listening += 1;
                }
                State::TimeWait => slot.session = None,
                _ => progress |= serve_one(slot, socket, service, counters, now),
            }
            at += 1;
        }
        self.listening = listening;
        if 2 * listening < self.room.backlog {
            progress |= self.refill(sockets, self.room.backlog - listening, now);
        }
        progress
    }

    /// Adds sockets that listen; when there are as many as may be, those that only wait for stray
    /// segments of closed connections make room, then the one that has been silent longest: it
    /// listens when its client has been told. So there is always room for somebody new. Whether
    /// there is somebody to tell.
    fn refill(&mut self, sockets: &mut SocketSet<'_>, wanted: usize, now: Instant) -> bool {
        for _ in 0..wanted {
            if self.slots.len() >= self.room.most {
                let waits =
                    |slot: &Slot<S>| sockets.get::<Socket>(slot.handle).state() == State::TimeWait;
                let Some(at) = self.slots.iter().position(waits) else {
                    return self.evict(sockets, now);
                };
                sockets.remove(self.slots.swap_remove(at).handle);
            }
            self.add(sockets, now);
        }
        false
    }

    /// Aborts the connection that has been silent longest, if that is long.
    fn evict(&mut self, sockets: &mut SocketSet<'_>, now: Instant) -> bool {
        let taken = |slot: &&mut Slot<S>| {
            let state = sockets.get::<Socket>(slot.handle).state();
            !matches!(state, State::Listen | State::Closed) && slot.active + SILENCE <= now
        };
        let Some(slot) = self.slots.iter_mut().filter(taken).min_by_key(|slot| slot.active) else {
            return false;
        };
        sockets.get_mut::<Socket>(slot.handle).abort();
        slot.session = None;
        true
    }

    /// When the first session has waited too long.
    pub fn deadline(&self) -> Option<Instant> {
        self.slots.iter().filter_map(|slot| slot.session.as_ref()).map(Session::deadline).min()
    }
}

fn serve_one<S: Session>(
    slot: &mut Slot<S>,
    socket: &mut Socket<'_>,
    service: &S::Service,
    counters: &mut S::Counters,
    now: Instant,
) -> bool {
    if slot.session.is_none() {
        slot.active = now;
        let client = socket.remote_endpoint().map(|client| client.addr.into());
        if !client.is_some_and(|client| S::admits(service, client)) {
            socket.abort();
            return true;
        }
    }
    let session = slot.session.get_or_insert_with(|| S::open(counters, now));
    let mut progress = false;
    loop {
        let mut moved = 0;
        if socket.can_recv() {
            // It can receive, so there is no error; a closed session's input is for nobody.
            moved = socket
                .recv(|input| {
                    let all = input.len();
                    let closed = session.close_after_flush();
                    let taken =
                        if closed { all } else { session.receive(service, counters, now, input) };
                    (taken, taken)
                })
                .unwrap_or(0);
        }
        while socket.can_send() {
            let output = session.transmit(service);
            if output.is_empty() {
                break;
            }
            let Ok(count) = socket.send_slice(output) else { break };
            session.sent(service, now, count);
            moved += count;
            progress = true;
        }
        if moved == 0 {
            break;
        }
        slot.active = now;
    }
    let flushed = session.transmit(service).is_empty();
    let over = session.close_after_flush() || !socket.may_recv();
    if flushed && over && socket.may_send() {
        socket.close();
        progress = true;
    }
    if session.deadline() <= now {
        socket.abort();
        progress = true;
    }
    progress
}

#[cfg(test)]
mod tests {
    use super::*;
    use service_core::Duration as Span;
    use smoltcp::iface::{Config, Interface};
    use smoltcp::phy::{Loopback, Medium};
    use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

    const PORT: u16 = 7;

    /// Sends back what it gets, and hangs up after a full stop.
    struct Echo {
        waiting: Vec<u8>,
        over: bool,
        deadline: Instant,
    }

    impl Session for Echo {
        /// Whether clients are admitted.
        type Service = bool;
        type Counters = u32;

        fn admits(admitted: &bool, _: core::net::IpAddr) -> bool {
            *admitted
        }

        fn open(opened: &mut u32, now: Instant) -> Self {
            *opened += 1;
            Self { waiting: Vec::new(), over: false, deadline: now + Span::from_secs(5) }
        }

        fn receive(&mut self, _: &bool, _: &mut u32, _: Instant, input: &[u8]) -> usize {
            self.waiting.extend_from_slice(input);
            self.over |= input.contains(&b'.');
            input.len()
        }

        fn transmit<'a>(&'a self, _: &'a bool) -> &'a [u8] {
            &self.waiting
        }

        fn sent(&mut self, _: &bool, _: Instant, count: usize) {
            self.waiting.drain(..count);
        }

        fn close_after_flush(&self) -> bool {
            self.over
        }

        fn deadline(&self) -> Instant {
            self.deadline
        }
    }

    /// A host that serves and is its own client.
    struct Host {
        device: Loopback,
        interface: Interface,
        sockets: SocketSet<'static>,
        streams: Streams<Echo>,
        opened: u32,
        admitted: bool,
        now: Instant,
    }

    impl Host {
        fn new(memory: usize) -> Self {
            let mut device = Loopback::new(Medium::Ethernet);
            let config = Config::new(EthernetAddress([2, 0, 0, 0, 0, 1]).into());
            let zero = smoltcp::time::Instant::ZERO;
            let mut interface = Interface::new(config, &mut device, zero);
            interface.update_ip_addrs(|list| {
                list.push(IpCidr::new(IpAddress::v4(127, 0, 0, 1), 8)).unwrap();
            });
            let mut sockets = SocketSet::new(Vec::new());
            let streams = Streams::new(PORT, Room::within(memory), &mut sockets);
            Self {
                device,
                interface,
                sockets,
                streams,
                opened: 0,
                admitted: true,
                now: Instant::ZERO,
            }
        }

        fn connect(&mut self, from: u16) -> SocketHandle {
            let buffer = || SocketBuffer::new(vec![0; 1024]);
            let mut socket = Socket::new(buffer(), buffer());
            let to = (IpAddress::v4(127, 0, 0, 1), PORT);
            socket.connect(self.interface.context(), to, from).unwrap();
            self.sockets.add(socket)
        }

        fn run(&mut self, time: Span) {
            for _ in 0..20 {
                self.now += Span::from_micros(time.micros() / 20);
                let moment = smoltcp::time::Instant::from_micros(self.now.micros().cast_signed());
                self.interface.poll(moment, &mut self.device, &mut self.sockets);
                self.streams.serve(&mut self.sockets, &self.admitted, &mut self.opened, self.now);
            }
        }

        fn client(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
            self.sockets.get_mut(handle)
        }
    }

    #[test]
    fn a_session_is_served_and_its_socket_listens_again() {
        let mut host = Host::new(1 << 20);
        let client = host.connect(5000);
        host.run(Span::from_millis(100));
        host.client(client).send_slice(b"hello.").unwrap();
        host.run(Span::from_millis(100));
        let mut answer = [0; 16];
        assert_eq!(host.client(client).recv_slice(&mut answer), Ok(6));
        assert!(!host.client(client).may_recv(), "the session hung up");
        assert_eq!((host.opened, host.streams.listening()), (1, BACKLOG - 1));
        assert!(host.streams.deadline().is_some());
        host.client(client).close();
        host.run(Span::from_millis(100));
        assert!(host.streams.deadline().is_none(), "the session is gone");
        host.run(Span::from_secs(30));
        assert_eq!((host.streams.slots.len(), host.streams.listening()), (BACKLOG, BACKLOG));
    }

    #[test]
    fn a_silent_client_is_cut_off() {
        let mut host = Host::new(1 << 20);
        let client = host.connect(5000);
        host.run(Span::from_millis(100));
        assert_eq!(host.client(client).state(), State::Established);
        host.run(Span::from_secs(6));
        assert_eq!(host.client(client).state(), State::Closed);
        assert_eq!(host.streams.deadline(), None);
    }

    #[test]
    fn sockets_follow_demand_up_to_what_memory_allows() {
        let mut host = Host::new(24 * CONNECTION);
        for from in 0..12 {
            host.connect(5000 + from);
        }
        host.run(Span::from_millis(100));
        assert_eq!((host.streams.slots.len(), host.streams.listening()), (24, 12));
        for from in 12..30 {
            host.connect(5000 + from);
        }
        host.run(Span::from_millis(100));
        assert_eq!((host.opened, host.streams.is_full()), (24, true));
    }

    #[test]
    fn whoever_has_been_silent_longest_makes_room() {
        let mut host = Host::new(24 * CONNECTION);
        let silent: Vec<_> = (0..24).map(|from| host.connect(5000 + from)).collect();
        host.run(Span::from_millis(100));
        host.run(Span::from_secs(1));
        host.client(silent[0]).send_slice(b"hello").unwrap();
        host.run(Span::from_millis(100));
        let fresh = host.connect(6000);
        host.run(Span::from_millis(100));
        host.client(fresh).send_slice(b"hello").unwrap();
        host.run(Span::from_millis(100));
        assert!(host.client(fresh).can_recv(), "a new client is served");
        assert!(host.client(silent[0]).is_active(), "who spoke stays");
        let gone = silent.iter().filter(|one| !host.sockets.get::<Socket>(**one).is_active());
        assert!((1..=BACKLOG).contains(&gone.count()), "some of the silent were told to leave");
    }

    #[test]
    fn who_is_not_admitted_is_turned_away() {
        let mut host = Host::new(1 << 20);
        host.admitted = false;
        let client = host.connect(5000);
        host.run(Span::from_millis(100));
        assert_eq!(host.client(client).state(), State::Closed);
        assert_eq!((host.opened, host.streams.listening()), (0, BACKLOG));
    }
}
