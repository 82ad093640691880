//! The seam to whatever moves frames.

/// An Ethernet frame that is owned: a driver's receive buffer, or one that was allocated.
#[allow(clippy::len_without_is_empty)] // a frame has a header
pub trait Frame {
    /// The first contiguous bytes, from the Ethernet header on: at least all headers that a
    /// forwarder reads (128 bytes, or the whole frame if it is shorter).
    fn head(&self) -> &[u8];

    /// The same bytes, to be changed in place.
    fn head_mut(&mut self) -> &mut [u8];

    /// The length of the whole frame; more than the MTU allows if devices segment or coalesce.
    fn len(&self) -> usize;

    /// The length of the longest frame that will be on the wire: less than
    /// [`len`](Self::len) where the sending device segments (headers and one segment).
    fn wire_len(&self) -> usize {
        self.len()
    }
}

/// The ports of a node, in the order of the configuration's interfaces.
///
/// A frame keeps whatever else its driver knows of it: a checksum still to be completed, a
/// segment size. The forwarder changes addresses, TTL and the IPv4 header checksum, none of which
/// a TCP or UDP checksum covers, so that this passes through unchanged.
pub trait Ports {
    /// What is moved.
    type Frame: Frame;

    /// A zeroed frame of `length` bytes (at most 1514), all in its head; `None` when there is no
    /// memory.
    fn allocate(&mut self, length: usize) -> Option<Self::Frame>;

    /// Sends `frame` by a port, or drops it if that cannot take it.
    fn send(&mut self, port: usize, frame: Self::Frame);

    /// Gives a frame back.
    fn discard(&mut self, frame: Self::Frame);
}
