//! A virtio console (VIRTIO 1.2, 5.3): its first port, which is all there is without `MULTIPORT`.

use alloc::alloc::{Layout, alloc_zeroed};
use core::ptr::NonNull;

use super::queue::{Descriptor, EVENT_INDEX, Misbehaved, Notify, Queue};
use super::transport::{Transport, Unusable};
use super::{CONSOLE, Devices};
use crate::cpu;

/// Pieces of a text that the device may hold, and how long each is, in bytes.
const PIECES: u16 = 16;
const PIECE: usize = 256;
/// Bytes of what was typed that are taken at once.
const TYPED: u32 = 16;
/// How long the device may take to accept a piece, in ticks of the processor: a second or so. QEMU
/// never makes a console wait for whoever reads it.
const PATIENCE: u64 = 1 << 31;

/// The port of a console.
///
/// A text is one notification, which no exit to QEMU has to wait for; a serial line takes an exit a
/// byte.
pub(crate) struct Port {
    receiving: Queue,
    receive_notify: Notify,
    sending: Queue,
    send_notify: Notify,
    /// The pieces, and behind them what was typed. Never freed: the device has its address.
    memory: NonNull<u8>,
    /// Pieces that the device does not hold, a bit each.
    free: u16,
}

impl Port {
    /// Starts the first console that is found; `None` when there is none.
    pub fn open(devices: &mut Devices) -> Option<Result<Self, Unusable>> {
        let (_, transport) = devices.next(CONSOLE)?;
        Some(transport.and_then(|transport| Self::start(&transport)))
    }

    fn start(transport: &Transport) -> Result<Self, Unusable> {
        if transport.offered() & EVENT_INDEX == 0 {
            return Err(Unusable::Features);
        }
        transport.accept(EVENT_INDEX)?;
        let (receiving, receive_notify, _) = transport.queue(0, 1)?;
        let (mut sending, send_notify, entries) = transport.queue(1, PIECES)?;
        if entries < PIECES {
            return Err(Unusable::Queue);
        }
        let size = usize::from(PIECES) * PIECE + TYPED as usize;
        let layout = Layout::from_size_align(size, PIECE).map_err(|_| Unusable::Queue)?;
        // SAFETY: the layout is not empty.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(Unusable::Queue)?;
        transport.run();
        sending.interrupt_never();
        let mut port =
            Self { receiving, receive_notify, sending, send_notify, memory, free: u16::MAX };
        port.listen();
        Ok(port)
    }

    /// Gives a text to the device, piece by piece; waits only where that has all pieces.
    pub fn write(&mut self, text: &[u8]) -> Result<(), Misbehaved> {
        for part in text.chunks(PIECE) {
            if self.free == 0 {
                self.wait()?;
            }
            let id = self.free.trailing_zeros() as u16;
            self.free &= !(1 << id);
            // SAFETY: a piece's length at most, into a piece that the device does not hold.
            let piece = unsafe {
                let piece = self.memory.add(usize::from(id) * PIECE);
                piece.copy_from_nonoverlapping(NonNull::from(part).cast(), part.len());
                piece
            };
            let (address, length) = (piece.as_ptr() as u64, part.len() as u32);
            self.sending.describe(id, Descriptor { address, length, flags: 0, next: 0 });
            self.sending.offer(id);
        }
        self.sending.publish(&self.send_notify);
        self.collect()
    }

    /// Waits until the device has all that was written.
    pub fn settle(&mut self) -> Result<(), Misbehaved> {
        while self.free != u16::MAX {
            self.wait()?;
        }
        Ok(())
    }

    /// Whether something was typed that was not [`taken`](Self::take).
    pub fn has_input(&self) -> bool {
        self.receiving.has_news()
    }

    /// Takes what was typed, so that more may come. Until then the device holds its sender back.
    pub fn take(&mut self) -> Result<(), Misbehaved> {
        let count = self.receiving.ready()?;
        self.receiving.take(count);
        if self.receiving.outstanding() == 0 {
            self.listen();
        }
        Ok(())
    }

    /// Lets the device write what is typed, and interrupt when it has.
    fn listen(&mut self) {
        // Memory is mapped one to one.
        let address = self.memory.as_ptr() as u64 + u64::from(PIECES) * PIECE as u64;
        let flags = Descriptor::WRITE;
        self.receiving.describe(0, Descriptor { address, length: TYPED, flags, next: 0 });
        self.receiving.interrupt_after(1);
        self.receiving.offer(0);
        self.receiving.publish(&self.receive_notify);
    }

    /// Takes back the pieces that the device has accepted.
    fn collect(&mut self) -> Result<(), Misbehaved> {
        while self.sending.ready()? > 0 {
            let (id, _) = self.sending.peek(0);
            self.sending.take(1);
            let piece = 1u16.checked_shl(id).unwrap_or(0);
            if piece == 0 || self.free & piece != 0 {
                return Err(Misbehaved);
            }
            self.free |= piece;
        }
        Ok(())
    }

    /// Waits until the device has accepted something.
    fn wait(&mut self) -> Result<(), Misbehaved> {
        self.sending.publish(&self.send_notify);
        let start = cpu::ticks();
        while !self.sending.has_news() {
            if cpu::ticks().wrapping_sub(start) > PATIENCE {
                return Err(Misbehaved);
            }
            core::hint::spin_loop();
        }
        self.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmio::Registers;
    use crate::virtio::registers::Bank;

    /// A port on a device that does only what the test does.
    fn port() -> Port {
        let queue = |entries| Queue::new(entries, Queue::ALIGNMENT).unwrap();
        let notify = || {
            let doorbell: &'static mut u16 = Box::leak(Box::new(0));
            // SAFETY: leaked, and written by nobody else.
            let registers = unsafe { Registers::new(doorbell as *mut u16 as usize, 2) };
            Notify { register: Bank::Memory(registers), value: 0 }
        };
        let memory: &'static mut [u8] = vec![0; usize::from(PIECES) * PIECE + 16].leak();
        let mut port = Port {
            receiving: queue(1),
            receive_notify: notify(),
            sending: queue(PIECES),
            send_notify: notify(),
            memory: NonNull::from(memory).cast(),
            free: u16::MAX,
        };
        port.listen();
        port
    }

    /// What the device was given and has not used.
    fn written(port: &Port) -> Vec<u8> {
        let pieces = port.sending.device_sees();
        pieces.iter().fold(Vec::new(), |mut text, piece| {
            assert_eq!(piece.flags, 0);
            // SAFETY: the piece lies in the port's memory.
            text.extend(unsafe {
                core::slice::from_raw_parts(piece.address as *const u8, piece.length as usize)
            });
            text
        })
    }

    #[test]
    fn a_text_is_given_whole_and_in_order() {
        let mut port = port();
        let text: Vec<u8> = (0..3 * PIECE + 5).map(|at| at as u8).collect();
        for _ in 0..100 {
            port.write(&text).unwrap();
            port.write(b"\n").unwrap();
            assert_eq!(written(&port), [&text[..], b"\n"].concat());
            for id in (0..PIECES).filter(|id| port.free & 1 << id == 0).collect::<Vec<_>>() {
                port.sending.device_uses(id.into(), 0);
            }
            port.settle().unwrap();
        }
    }

    #[test]
    fn a_device_that_gives_back_what_it_does_not_have_is_noticed() {
        for wrong in [1, u32::from(PIECES), u32::MAX] {
            let mut port = port();
            port.write(b"one piece").unwrap();
            port.sending.device_uses(wrong, 0);
            assert_eq!(port.settle(), Err(Misbehaved));
        }
    }

    #[test]
    fn who_types_is_held_back_until_it_was_taken() {
        let mut port = port();
        for _ in 0..3 {
            assert!(!port.has_input());
            let offered = port.receiving.device_sees();
            assert_eq!((offered.len(), offered[0].length), (1, TYPED));
            port.receiving.device_uses(0, 1);
            assert!(port.has_input());
            assert!(port.receiving.device_sees().is_empty());
            port.take().unwrap();
        }
    }
}
