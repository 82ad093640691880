//! Datagrams: one answer to each, in batches.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use crate::Fatal;
use crate::address::peer;
use crate::events::{EventFlags, Events};
use crate::sys::{ADDRESS, Message, receive_batch, send_batch};

/// Datagrams per system call.
const BATCH: usize = 32;
/// Batches from one socket before others are served again.
const BATCHES: usize = 8;
/// The longest datagram that is read whole, and the longest answer: an Ethernet frame's payload.
const LENGTH: usize = 1500;
/// Asked of the kernel for what arrives while an answer is made; it may give less.
const RECEIVE_BUFFER: usize = 1 << 20;

/// A UDP server on some sockets.
pub struct Datagrams {
    sockets: Vec<OwnedFd>,
    input: Vec<u8>,
    output: Vec<u8>,
    peers: [[u8; ADDRESS]; BATCH],
}

impl Datagrams {
    /// Binds `port` of each address; events carry `token` plus the socket's number.
    pub fn bind(
        addresses: impl IntoIterator<Item = IpAddr>,
        port: u16,
        events: &Events,
        token: u64,
    ) -> Result<Self, Fatal> {
        let mut sockets = Vec::new();
        for address in addresses {
            let address = SocketAddr::new(address, port);
            let socket = open(address)
                .and_then(|socket| {
                    events
                        .watch(&socket, token + sockets.len() as u64, EventFlags::IN)
                        .map(|()| socket)
                })
                .map_err(|error| Fatal::system(format!("bind udp {address}"), error))?;
            sockets.push(socket);
        }
        Ok(Self {
            sockets,
            input: vec![0; BATCH * LENGTH],
            output: vec![0; BATCH * LENGTH],
            peers: [[0; ADDRESS]; BATCH],
        })
    }

    /// Answers what waits at socket `number`: `answer` gets a client's address, its query and the buffer for the
    /// answer, and returns the answer's length or `None`.
    pub fn handle(
        &mut self,
        number: usize,
        mut answer: impl FnMut(IpAddr, &[u8], &mut [u8]) -> Option<usize>,
    ) {
        for _ in 0..BATCHES {
            if !self.batch(number, &mut answer) {
                return;
            }
        }
    }

    /// Serves one batch; whether there may be more.
    fn batch(
        &mut self,
        number: usize,
        answer: &mut impl FnMut(IpAddr, &[u8], &mut [u8]) -> Option<usize>,
    ) -> bool {
        let Some(socket) = self.sockets.get(number) else { return false };
        let mut queries = messages(&mut self.input, &mut self.peers);
        // An error here is that of an earlier answer (its peer is gone), and is cleared by being read.
        let Ok(count) = receive_batch(socket.as_fd(), &mut queries) else { return false };
        let mut lengths = [0u32; BATCH];
        let mut answers: [usize; BATCH] = [0; BATCH];
        for (index, query) in queries.iter().take(count).enumerate() {
            let output = &mut self.output[index * LENGTH..(index + 1) * LENGTH];
            let client = query.address.as_deref().and_then(|address| peer(address));
            if let Some(client) = client.filter(|_| !query.truncated) {
                let query = &query.data[..query.length];
                answers[index] = answer(client, query, output).unwrap_or_default();
            }
            lengths[index] = query.address_length;
        }
        drop(queries);
        let mut replies = messages(&mut self.output, &mut self.peers);
        for ((reply, length), answer) in replies.iter_mut().zip(lengths).zip(answers) {
            (reply.address_length, reply.length) = (length, answer);
        }
        replies.truncate(count);
        replies.retain(|reply| reply.length > 0);
        send_all(socket, &mut replies);
        count == BATCH
    }
}

/// Sends each message once: what the socket refuses is lost, as datagrams may be.
fn send_all(socket: &OwnedFd, replies: &mut [Message<'_>]) {
    let mut rest = replies;
    while !rest.is_empty() {
        match send_batch(socket.as_fd(), rest) {
            Ok(sent) => rest = &mut rest[sent..],
            Err(Errno::INTR) => {}
            // This peer cannot be reached; the next one may.
            Err(_) => rest = &mut rest[1..],
        }
    }
}

fn messages<'a>(buffer: &'a mut [u8], peers: &'a mut [[u8; ADDRESS]; BATCH]) -> Vec<Message<'a>> {
    buffer
        .chunks_exact_mut(LENGTH)
        .zip(peers)
        .map(|(data, address)| Message {
            data,
            address: Some(address),
            address_length: ADDRESS as u32,
            length: 0,
            truncated: false,
        })
        .collect()
}

fn open(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket =
        socket_with(family, SocketType::DGRAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
    bind(&socket, &address)?;
    Ok(socket)
}
