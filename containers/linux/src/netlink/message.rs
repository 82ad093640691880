//! Netlink messages: building and reading them (RFC 3549 section 2; attributes as in `linux/netlink.h`).

use alloc::vec::Vec;

/// `struct nlmsghdr`.
const HEADER: usize = 16;
/// `struct nlattr`.
const ATTRIBUTE: usize = 4;
const NESTED: u16 = 0x8000;
const TYPE_MASK: u16 = 0x3fff;

/// Message flags.
pub mod flags {
    /// A request to the kernel.
    pub const REQUEST: u16 = 0x1;
    /// Answer when done.
    pub const ACK: u16 = 0x4;
    /// All objects.
    pub const DUMP: u16 = 0x300;
    /// Replace what exists.
    pub const REPLACE: u16 = 0x100;
    /// Create what does not exist.
    pub const CREATE: u16 = 0x400;
    /// Add behind what exists.
    pub const APPEND: u16 = 0x800;
}

const fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

/// A sequence of messages for one `send`.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    count: u32,
    /// Where the last message begins.
    last: usize,
    awaited: u32,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), count: 0, last: 0, awaited: 0 }
    }

    /// A batch of one message.
    #[must_use]
    pub fn one(
        kind: u16,
        flags: u16,
        fixed: &[u8],
        build: impl FnOnce(&mut Attributes<'_>),
    ) -> Self {
        let mut batch = Self::new();
        batch.message(kind, flags, fixed, build);
        batch
    }

    /// Appends a message: its type, its flags besides REQUEST, its fixed part, its attributes.
    pub fn message(
        &mut self,
        kind: u16,
        flags: u16,
        fixed: &[u8],
        build: impl FnOnce(&mut Attributes<'_>),
    ) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&0u32.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(&(flags | flags::REQUEST).to_ne_bytes());
        self.bytes.extend_from_slice(&self.count.to_ne_bytes());
        self.bytes.extend_from_slice(&0u32.to_ne_bytes());
        self.bytes.extend_from_slice(fixed);
        self.bytes.resize(aligned(self.bytes.len()), 0);
        build(&mut Attributes { bytes: &mut self.bytes });
        let length = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes());
        self.last = start;
        self.awaited = self.count;
        self.count += 1;
    }

    /// Ends a transaction of nfnetlink: only its last message before is acknowledged, after all have taken effect.
    pub fn end(&mut self, kind: u16, fixed: &[u8]) {
        let (flags, awaited) = (self.last + 6, self.awaited);
        let acknowledged = u16_at(&self.bytes, flags).unwrap_or_default() | flags::ACK;
        self.bytes[flags..flags + 2].copy_from_slice(&acknowledged.to_ne_bytes());
        self.message(kind, 0, fixed, |_| ());
        self.awaited = awaited;
    }

    /// The messages as they are sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The sequence number of the message whose acknowledgement means that all is done.
    #[must_use]
    pub const fn awaited(&self) -> u32 {
        self.awaited
    }
}

/// Appends attributes to a message.
pub struct Attributes<'a> {
    bytes: &'a mut Vec<u8>,
}

impl Attributes<'_> {
    /// An attribute of raw bytes, at most 64 kB of them.
    pub fn bytes(&mut self, kind: u16, value: &[u8]) {
        self.header(kind, value.len());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(aligned(self.bytes.len()), 0);
    }

    /// A string with its NUL.
    pub fn string(&mut self, kind: u16, value: &str) {
        self.header(kind, value.len() + 1);
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
        self.bytes.resize(aligned(self.bytes.len()), 0);
    }

    /// A number in the machine's byte order (rtnetlink).
    pub fn u32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_ne_bytes());
    }

    /// A number in network byte order (nfnetlink).
    pub fn be32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// A number in network byte order (nfnetlink).
    pub fn be64(&mut self, kind: u16, value: u64) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// An attribute that holds attributes.
    pub fn nested(&mut self, kind: u16, build: impl FnOnce(&mut Attributes<'_>)) {
        let start = self.bytes.len();
        self.header(kind | NESTED, 0);
        build(&mut Attributes { bytes: self.bytes });
        let length = (self.bytes.len() - start) as u16;
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    }

    fn header(&mut self, kind: u16, length: usize) {
        self.bytes.extend_from_slice(&((ATTRIBUTE + length) as u16).to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
    }
}

/// A received message.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Message type.
    pub kind: u16,
    /// Sequence number of the request that it answers.
    pub sequence: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

impl<'a> Received<'a> {
    /// The attributes behind a fixed part of `fixed` bytes.
    pub fn attributes(&self, fixed: usize) -> Attribute<'a> {
        Attribute { rest: self.body.get(aligned(fixed)..).unwrap_or_default() }
    }
}

/// Reads the messages of one datagram; stops at the first that is malformed.
pub fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Received<'_>> {
    core::iter::from_fn(move || {
        let length = u32_at(datagram, 0)? as usize;
        let body = datagram.get(HEADER..length)?;
        let message = Received { kind: u16_at(datagram, 4)?, sequence: u32_at(datagram, 8)?, body };
        datagram = datagram.get(aligned(length)..).unwrap_or_default();
        Some(message)
    })
}

/// Iterates over attributes: type without flags, value.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    rest: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// Reads `value` as nested attributes.
    #[must_use]
    pub const fn nested(value: &'a [u8]) -> Self {
        Self { rest: value }
    }

    /// The first attribute of type `kind`.
    pub fn find(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find_map(|(found, value)| (found == kind).then_some(value))
    }
}

impl<'a> Iterator for Attribute<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16_at(self.rest, 0)?);
        let kind = u16_at(self.rest, 2)? & TYPE_MASK;
        let value = self.rest.get(ATTRIBUTE..length)?;
        self.rest = self.rest.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// Reads a number in the machine's byte order.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Reads a number in the machine's byte order.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_layout_of_netlink_h() {
        let batch = Batch::one(16, flags::ACK, &[1, 2, 3, 4], |a| {
            a.string(3, "eth0");
            a.nested(18, |a| a.u32(1, 7));
        });
        #[rustfmt::skip]
        assert_eq!(batch.as_bytes(), [
            44, 0, 0, 0, 16, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            1, 2, 3, 4,
            9, 0, 3, 0, b'e', b't', b'h', b'0', 0, 0, 0, 0,
            12, 0, 18, 0x80, 8, 0, 1, 0, 7, 0, 0, 0,
        ]);
    }

    #[test]
    fn what_is_built_is_read_back() {
        let mut batch = Batch::new();
        batch.message(16, 0, &[0; 4], |a| a.bytes(1, &[9; 6]));
        batch.message(17, 0, &[0; 4], |a| a.nested(2, |a| a.be32(5, 6)));
        let read: Vec<_> = messages(batch.as_bytes()).collect();
        assert_eq!(
            (read[0].kind, read[0].sequence, read[1].kind, read[1].sequence),
            (16, 0, 17, 1)
        );
        assert_eq!(read[0].attributes(4).find(1), Some(&[9u8; 6][..]));
        let nested = Attribute::nested(read[1].attributes(4).find(2).unwrap());
        assert_eq!(nested.find(5), Some(&[0u8, 0, 0, 6][..]));
        assert_eq!(batch.awaited(), 1);
        batch.end(18, &[0; 4]);
        assert_eq!(batch.awaited(), 1);
        assert_eq!(u16_at(batch.as_bytes(), 16 + 4 + 12 + 6), Some(flags::REQUEST | flags::ACK));
    }

    #[test]
    fn malformed_lengths_end_the_reading() {
        for length in [0u32, 3, 15, 21, u32::MAX] {
            let mut bytes = [0u8; 20];
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(messages(&bytes).count(), 0, "{length}");
        }
        for length in [0u16, 3, 9] {
            let mut bytes = [0u8; 8];
            bytes[..2].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(Attribute::nested(&bytes).count(), 0, "{length}");
        }
    }
}
