//! Netlink: how the kernel's interfaces, addresses, routes and firewall are set without any other program.

pub mod message;
pub mod route;

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use linux_raw_sys::netlink as raw;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

use crate::Fatal;
use crate::sys;
use message::{Attribute, Batch, Received, messages, u32_at};

const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLMSGERR_ATTR_MSG`: the kernel's own words for an error.
const ERROR_TEXT: u16 = 1;
/// More than the largest datagram that the kernel makes for a dump (32 kB).
const BUFFER: usize = 64 << 10;

/// A netlink socket.
#[derive(Debug)]
pub struct Socket {
    descriptor: OwnedFd,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens a socket to a part of the kernel; `None` is protocol 0, NETLINK_ROUTE.
    pub fn open(protocol: Option<Protocol>) -> Result<Self, Fatal> {
        let descriptor =
            socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)
                .map_err(|error| Fatal::system("netlink socket", error))?;
        for option in [raw::NETLINK_EXT_ACK, raw::NETLINK_CAP_ACK] {
            sys::set_option(&descriptor, linux_raw_sys::net::SOL_NETLINK, option, 1u32)
                .map_err(|error| Fatal::system("netlink socket option", error))?;
        }
        Ok(Self { descriptor, buffer: vec![0; BUFFER] })
    }

    /// Makes room for sending a batch of `length` bytes at once; how much there can be is the host's to say.
    pub fn make_room(&mut self, length: usize) -> Result<(), Fatal> {
        // The kernel counts its own overhead, too.
        sys::ask_for_buffers(&self.descriptor, 2 * length + BUFFER)
            .map_err(|error| Fatal::system("netlink socket buffer", error))
    }

    /// Sends messages of which one asks for an acknowledgement, and waits for that or for the first error.
    ///
    /// `what` names the operation in the error.
    pub fn request(&mut self, what: &str, batch: &Batch) -> Result<(), Fatal> {
        self.send(what, batch)?;
        let awaited = batch.awaited();
        self.until(what, |message| message.kind == ERROR && message.sequence == awaited, |_| ())
    }

    /// Sends a dump request and hands each object of the answer to `each`.
    pub fn dump(
        &mut self,
        what: &str,
        batch: &Batch,
        each: impl FnMut(Received<'_>),
    ) -> Result<(), Fatal> {
        self.send(what, batch)?;
        self.until(what, |message| message.kind == DONE, each)
    }

    /// One datagram if one is there: for sockets that the kernel sends events to.
    pub fn poll(&mut self, mut each: impl FnMut(Received<'_>)) -> Result<bool, Errno> {
        match recv(&self.descriptor, &mut self.buffer[..], RecvFlags::DONTWAIT) {
            Ok((length, _)) => messages(&self.buffer[..length]).for_each(&mut each),
            Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
            // Events were lost because we were slow: those that follow are still good.
            Err(Errno::NOBUFS) => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    fn send(&self, what: &str, batch: &Batch) -> Result<(), Fatal> {
        send(&self.descriptor, batch.as_bytes(), SendFlags::empty())
            .map_err(|error| Fatal::system(what, error))?;
        Ok(())
    }

    fn until(
        &mut self,
        what: &str,
        end: impl Fn(&Received<'_>) -> bool,
        mut each: impl FnMut(Received<'_>),
    ) -> Result<(), Fatal> {
        loop {
            let length = match recv(&self.descriptor, &mut self.buffer[..], RecvFlags::empty()) {
                Ok((length, _)) => length,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(Fatal::system(what, error)),
            };
            for message in messages(&self.buffer[..length]) {
                if message.kind == ERROR {
                    check(what, &message)?;
                }
                if end(&message) {
                    return Ok(());
                }
                if message.kind != ERROR {
                    each(message);
                }
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Turns an error message into an error; an acknowledgement is one with code 0.
fn check(what: &str, message: &Received<'_>) -> Result<(), Fatal> {
    let code = u32_at(message.body, 0).unwrap_or_default().cast_signed();
    if code == 0 {
        return Ok(());
    }
    // With NETLINK_CAP_ACK only the header of the request (16 bytes) is repeated behind the code.
    let text = Attribute::nested(message.body.get(20..).unwrap_or_default()).find(ERROR_TEXT);
    let text = text.map(String::from_utf8_lossy).unwrap_or_default();
    let text = text.trim_end_matches('\0');
    let what = if text.is_empty() { what.into() } else { format!("{what} ({text})") };
    Err(Fatal::system(what, Errno::from_raw_os_error(-code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_words_are_kept() {
        let mut body = (-22i32).to_ne_bytes().to_vec();
        body.extend_from_slice(&[0; 16]);
        body.extend_from_slice(&[9, 0, 1, 0]);
        body.extend_from_slice(b"nope\0\0\0\0");
        let message = Received { kind: ERROR, sequence: 0, body: &body };
        assert_eq!(
            check("address", &message).unwrap_err().reason(),
            "address (nope): invalid argument"
        );
        let message = Received { kind: ERROR, sequence: 0, body: &[0; 20] };
        assert!(check("address", &message).is_ok());
    }
}
