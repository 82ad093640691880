//! UDP: one socket, one answer a query.

use alloc::vec;
use alloc::vec::Vec;

use core::net::IpAddr;

use service_core::{Instant, Session};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, Socket, UdpMetadata};

/// Datagrams and bytes that may wait on either side.
const WAITING: usize = 128;
const BYTES: usize = 64 * 1024;

/// Writes the answer to a query that came from an address at a moment; returns its length, or
/// `None` for no answer.
pub type Answer<Service, Counters> =
    fn(&Service, &mut Counters, IpAddr, Instant, query: &[u8], out: &mut [u8]) -> Option<usize>;

/// How a service answers datagrams.
pub struct Datagrams<S: Session> {
    /// Longest answer in bytes.
    pub longest: usize,
    /// What answers.
    pub answer: Answer<S::Service, S::Counters>,
}

pub(crate) struct DatagramSocket<S: Session> {
    handle: SocketHandle,
    datagrams: Datagrams<S>,
    answer: Vec<u8>,
}

impl<S: Session> DatagramSocket<S> {
    pub fn new(port: u16, datagrams: Datagrams<S>, sockets: &mut SocketSet<'_>) -> Self {
        let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY; WAITING], vec![0; BYTES]);
        let mut socket = Socket::new(buffer(), buffer());
        if socket.bind(port).is_err() {
            machine::die(format_args!("cannot bind port {port}"));
        }
        let answer = vec![0; datagrams.longest];
        Self { handle: sockets.add(socket), datagrams, answer }
    }

    /// Answers what has arrived while there is room to; whether there is something to send.
    pub fn serve(
        &mut self,
        sockets: &mut SocketSet<'_>,
        service: &S::Service,
        counters: &mut S::Counters,
        now: Instant,
    ) -> bool {
        let socket = sockets.get_mut::<Socket>(self.handle);
        let mut progress = false;
        while socket.can_recv() && socket.can_send() {
            let Ok((query, from)) = socket.recv() else { break };
            let client = from.endpoint.addr.into();
            let Some(length) =
                (self.datagrams.answer)(service, counters, client, now, query, &mut self.answer)
            else {
                continue;
            };
            let to = UdpMetadata { meta: Default::default(), ..from };
            // A socket whose bytes are used up loses the answer, as a network would.
            let _ = socket.send_slice(&self.answer[..length], to);
            progress = true;
        }
        progress
    }
}
