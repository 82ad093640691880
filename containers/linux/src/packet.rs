//! Ports over packet sockets (packet(7)), for the forwarder that unikernels run.
//!
//! Each frame travels with the virtio-net header that the kernel puts before it: what is still to be checksummed or
//! segmented passes through, as it does between virtual machines.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use linux_raw_sys::if_packet as raw;
use linux_raw_sys::net::SOL_PACKET;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use service_core::{CounterName, Counters};
use service_route::{Frame, Ports};

use crate::Fatal;
use crate::sys::{self, Message, receive_batch, send_batch};

/// Frames per system call.
pub const BATCH: usize = 32;
/// Frames in flight and held by the forwarder, at most.
const FRAMES: usize = 192;
/// `struct virtio_net_hdr`.
const HEADER: usize = 10;
/// The longest frame: what the kernel coalesces into one IP packet, and its Ethernet header.
const LONGEST: usize = 65_535 + 14;
/// Asked of the kernel for each direction of each port, in bytes.
const BUFFER: usize = 8 << 20;
const TCP_HEADER_LENGTH: usize = 12;
const UDP_HEADER: usize = 8;
const GSO_UDP_SEGMENTS: u8 = 5;
const GSO_ECN: u8 = 0x80;

/// A frame and the header that came with it.
#[derive(Debug)]
pub struct PacketFrame {
    bytes: Box<[u8]>,
    length: usize,
}

impl PacketFrame {
    fn half(&self, at: usize) -> usize {
        u16::from_ne_bytes([self.bytes[at], self.bytes[at + 1]]).into()
    }

    /// Bytes of headers before the payload that a device would segment.
    fn headers(&self) -> usize {
        let transport = self.half(6);
        if self.bytes[1] & !GSO_ECN == GSO_UDP_SEGMENTS {
            return transport + UDP_HEADER;
        }
        let words = self.head().get(transport + TCP_HEADER_LENGTH).map_or(5, |octet| octet >> 4);
        transport + 4 * usize::from(words)
    }
}

impl Frame for PacketFrame {
    fn head(&self) -> &[u8] {
        &self.bytes[HEADER..HEADER + self.length]
    }

    fn head_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[HEADER..HEADER + self.length]
    }

    fn len(&self) -> usize {
        self.length
    }

    fn wire_len(&self) -> usize {
        let segment = self.half(4);
        if self.bytes[1] == 0 { self.length } else { self.length.min(self.headers() + segment) }
    }
}

struct Port {
    socket: OwnedFd,
    sending: Vec<PacketFrame>,
}

/// What the ports count beside what the forwarder does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketCounters {
    /// Frames that no port could take.
    unsent: u64,
}

impl Counters for PacketCounters {
    fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64)) {
        visit(CounterName::fixed("dropped.unsent"), self.unsent);
    }
}

/// The ports of a node; frames are sent by [`flush`](Self::flush).
pub struct PacketPorts {
    ports: Vec<Port>,
    free: Vec<Box<[u8]>>,
    made: usize,
    counters: PacketCounters,
}

impl PacketPorts {
    /// Opens a packet socket on each interface, given by its kernel number.
    pub fn open(interfaces: &[u32]) -> Result<Self, Fatal> {
        let open = |interface: &u32| {
            Ok(Port { socket: open(*interface)?, sending: Vec::with_capacity(BATCH) })
        };
        let ports = interfaces.iter().map(open).collect::<Result<_, Errno>>();
        let ports = ports.map_err(|error| Fatal::system("packet socket", error))?;
        Ok(Self {
            ports,
            free: Vec::with_capacity(FRAMES),
            made: 0,
            counters: PacketCounters::default(),
        })
    }

    /// The socket of a port.
    pub fn socket(&self, port: usize) -> impl AsFd {
        &self.ports[port].socket
    }

    /// What was counted.
    pub const fn counters(&self) -> &PacketCounters {
        &self.counters
    }

    /// Takes up to [`BATCH`] waiting frames of a port into `frames`; whether there may be more.
    pub fn receive(&mut self, port: usize, frames: &mut Vec<PacketFrame>) -> bool {
        let mut buffers: Vec<Box<[u8]>> = (0..BATCH).map_while(|_| self.buffer()).collect();
        let mut messages: Vec<Message<'_>> = buffers
            .iter_mut()
            .map(|data| Message {
                data,
                address: None,
                address_length: 0,
                length: 0,
                truncated: false,
            })
            .collect();
        // An error here (the link went down) leaves nothing to take; the interface may come back.
        let count =
            receive_batch(self.ports[port].socket.as_fd(), &mut messages).unwrap_or_default();
        let mut lengths = [None; BATCH];
        for (length, message) in lengths.iter_mut().zip(&messages[..count]) {
            *length = message.length.checked_sub(HEADER).filter(|_| !message.truncated);
        }
        drop(messages);
        for (bytes, length) in buffers.into_iter().zip(lengths) {
            match length {
                Some(length) => frames.push(PacketFrame { bytes, length }),
                None => self.free.push(bytes),
            }
        }
        count == BATCH
    }

    /// Sends what was queued; what a port cannot take is dropped.
    pub fn flush(&mut self) {
        for index in 0..self.ports.len() {
            let mut frames = core::mem::take(&mut self.ports[index].sending);
            let sent = send(&self.ports[index].socket, &mut frames);
            self.counters.unsent += (frames.len() - sent) as u64;
            self.free.extend(frames.drain(..).map(|frame| frame.bytes));
            self.ports[index].sending = frames;
        }
    }

    fn buffer(&mut self) -> Option<Box<[u8]>> {
        self.free.pop().or_else(|| {
            let room = self.made < FRAMES;
            self.made += usize::from(room);
            room.then(|| vec![0; HEADER + LONGEST].into())
        })
    }
}

impl Ports for PacketPorts {
    type Frame = PacketFrame;

    fn allocate(&mut self, length: usize) -> Option<PacketFrame> {
        let mut bytes = self.buffer()?;
        bytes[..HEADER + length].fill(0);
        Some(PacketFrame { bytes, length })
    }

    fn send(&mut self, port: usize, frame: PacketFrame) {
        self.ports[port].sending.push(frame);
    }

    fn discard(&mut self, frame: PacketFrame) {
        self.free.push(frame.bytes);
    }
}

/// Sends frames in order and says how many went; one that cannot go does not hold up the rest.
fn send(socket: &OwnedFd, frames: &mut [PacketFrame]) -> usize {
    let mut messages: Vec<Message<'_>> = frames
        .iter_mut()
        .map(|frame| {
            let length = HEADER + frame.length;
            Message {
                data: &mut frame.bytes,
                address: None,
                address_length: 0,
                length,
                truncated: false,
            }
        })
        .collect();
    let mut rest = &mut messages[..];
    let mut sent = 0;
    while !rest.is_empty() {
        match send_batch(socket.as_fd(), rest) {
            Ok(count) => {
                sent += count;
                rest = &mut rest[count..];
            }
            Err(Errno::INTR) => {}
            // No room: the rest would find none either.
            Err(Errno::AGAIN | Errno::NOBUFS) => break,
            Err(_) => rest = &mut rest[1..],
        }
    }
    sent
}

fn open(interface: u32) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
    sys::set_option(&socket, SOL_PACKET, raw::PACKET_VNET_HDR, 1u32)?;
    sys::set_option(&socket, SOL_PACKET, raw::PACKET_IGNORE_OUTGOING, 1u32)?;
    sys::ask_for_buffers(&socket, BUFFER)?;
    sys::bind_packets(&socket, interface)?;
    Ok(socket)
}
