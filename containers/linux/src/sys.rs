//! The system calls that rustix lacks or does not expose safely, each behind a safe function.

use core::arch::asm;
use core::mem::size_of;

use linux_raw_sys::general as raw;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::sockopt;

/// Makes a system call.
///
/// # Safety
/// The arguments must be right for call `number`: memory they point to valid for what the kernel does with it.
unsafe fn call(number: u32, arguments: [usize; 5]) -> Result<usize, Errno> {
    let [a, b, c, d, e] = arguments;
    let result: isize;
    // SAFETY: this is the kernel's calling convention (it clobbers rcx and r11); the rest is the caller's promise.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as usize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    if (-4095..0).contains(&result) {
        return Err(Errno::from_raw_os_error(-(result as i32)));
    }
    Ok(result as usize)
}

/// Plain data that the kernel may read byte for byte as a socket option.
///
/// # Safety
/// The type has no padding and no pointer that the kernel would follow.
pub unsafe trait SocketOption: Copy {}
// SAFETY: an integer.
unsafe impl SocketOption for u32 {}

/// Sets a socket option that rustix has no function for.
pub fn set_option<T: SocketOption>(
    socket: impl AsFd,
    level: u32,
    name: u32,
    value: T,
) -> Result<(), Errno> {
    let socket = socket.as_fd().as_raw_fd() as usize;
    // SAFETY: the kernel reads `size_of::<T>()` bytes of `value`, which lives until the call returns.
    unsafe {
        call(
            raw::__NR_setsockopt,
            [socket, level as usize, name as usize, (&raw const value) as usize, size_of::<T>()],
        )
    }
    .map(|_| ())
}

/// Asks for socket buffers of `length` bytes: as much as that with privileges, else what the host lets programs have.
pub fn ask_for_buffers(socket: impl AsFd, length: usize) -> Result<(), Errno> {
    let socket = socket.as_fd();
    sockopt::set_socket_recv_buffer_size_force(socket, length)
        .or_else(|_| sockopt::set_socket_recv_buffer_size(socket, length))?;
    sockopt::set_socket_send_buffer_size_force(socket, length)
        .or_else(|_| sockopt::set_socket_send_buffer_size(socket, length))
}

/// Ends the process.
pub fn exit(code: u8) -> ! {
    loop {
        // SAFETY: the call touches no memory of this process, which ends with it.
        let _ = unsafe { call(raw::__NR_exit_group, [code.into(), 0, 0, 0, 0]) };
    }
}

/// Blocks `signals` (a bit mask, bit 0 is signal 1), so that only a signal descriptor sees them.
pub fn block_signals(signals: u64) -> Result<(), Errno> {
    let (how, set) = (raw::SIG_BLOCK as usize, (&raw const signals) as usize);
    // SAFETY: the kernel reads the eight bytes of the mask and is given nowhere to write the old one.
    unsafe { call(raw::__NR_rt_sigprocmask, [how, set, 0, size_of::<u64>(), 0]) }.map(|_| ())
}

/// Makes a descriptor that becomes readable when one of `signals` (a bit mask, bit 0 is signal 1) is pending.
pub fn signal_descriptor(signals: u64) -> Result<OwnedFd, Errno> {
    let flags = raw::O_CLOEXEC | raw::O_NONBLOCK;
    // SAFETY: the kernel reads the eight bytes of the mask.
    let descriptor = unsafe {
        call(
            raw::__NR_signalfd4,
            [usize::MAX, (&raw const signals) as usize, size_of::<u64>(), flags as usize, 0],
        )
    }?;
    // SAFETY: the kernel has just made the descriptor, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor as i32) })
}

/// Gives a packet socket all frames of one interface (packet(7)).
pub fn bind_packets(socket: impl AsFd, interface: u32) -> Result<(), Errno> {
    /// `struct sockaddr_ll`.
    #[repr(C)]
    struct Address {
        family: u16,
        protocol: u16,
        interface: u32,
        hardware: u16,
        packet: u8,
        length: u8,
        address: [u8; 8],
    }
    let address = Address {
        family: linux_raw_sys::net::AF_PACKET as u16,
        protocol: (linux_raw_sys::if_ether::ETH_P_ALL as u16).to_be(),
        interface,
        hardware: 0,
        packet: 0,
        length: 0,
        address: [0; 8],
    };
    let socket = socket.as_fd().as_raw_fd() as usize;
    // SAFETY: the kernel reads one `sockaddr_ll`, which lives until the call returns.
    unsafe {
        call(raw::__NR_bind, [socket, (&raw const address) as usize, size_of::<Address>(), 0, 0])
    }
    .map(|_| ())
}

/// One instruction of classic BPF (`struct sock_filter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip when a comparison holds.
    pub jump_true: u8,
    /// Instructions to skip when it does not.
    pub jump_false: u8,
    /// Operand.
    pub operand: u32,
}

/// `struct sock_fprog`.
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

/// Puts a seccomp filter on this thread for good; it must have set no_new_privs.
pub fn filter_system_calls(program: &[Instruction]) -> Result<(), Errno> {
    let length = u16::try_from(program.len()).map_err(|_| Errno::TOOBIG)?;
    let program = Program { length, instructions: program.as_ptr() };
    // SAFETY: the kernel copies `length` instructions from a slice of that length and verifies them.
    unsafe {
        call(
            raw::__NR_seccomp,
            [
                linux_raw_sys::ptrace::SECCOMP_SET_MODE_FILTER as usize,
                0,
                (&raw const program) as usize,
                0,
                0,
            ],
        )
    }
    .map(|_| ())
}

/// A scatter-gather element (`struct iovec`).
#[derive(Clone, Copy)]
#[repr(C)]
struct Part {
    base: *mut u8,
    length: usize,
}

/// `struct msghdr`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Header {
    name: *mut u8,
    name_length: u32,
    parts: *mut Part,
    part_count: usize,
    control: *mut u8,
    control_length: usize,
    flags: u32,
}

/// `struct mmsghdr`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Entry {
    header: Header,
    length: u32,
}

/// Bytes that hold any socket address of the families used here.
pub const ADDRESS: usize = 28;

/// A message of a batch: a buffer and, for datagram sockets, the peer's address as the kernel writes it.
pub struct Message<'a> {
    /// Received into, or sent.
    pub data: &'a mut [u8],
    /// `sockaddr` bytes, on sockets where peers differ.
    pub address: Option<&'a mut [u8; ADDRESS]>,
    /// Bytes of `address` in use.
    pub address_length: u32,
    /// Bytes of `data` to send, or received.
    pub length: usize,
    /// Whether a received datagram was cut to fit.
    pub truncated: bool,
}

/// At most this many messages go through one call.
pub const BATCH: usize = 64;

fn batch(
    number: u32,
    socket: BorrowedFd<'_>,
    messages: &mut [Message<'_>],
    sending: bool,
) -> Result<usize, Errno> {
    let count = messages.len().min(BATCH);
    let mut parts = [Part { base: core::ptr::null_mut(), length: 0 }; BATCH];
    let blank = Header {
        name: core::ptr::null_mut(),
        name_length: 0,
        parts: core::ptr::null_mut(),
        part_count: 1,
        control: core::ptr::null_mut(),
        control_length: 0,
        flags: 0,
    };
    let mut entries = [Entry { header: blank, length: 0 }; BATCH];
    for ((message, part), entry) in messages.iter_mut().zip(&mut parts).zip(&mut entries) {
        let length =
            if sending { message.length.min(message.data.len()) } else { message.data.len() };
        *part = Part { base: message.data.as_mut_ptr(), length };
        entry.header.parts = part;
        if let Some(address) = &mut message.address {
            entry.header.name = address.as_mut_ptr();
            entry.header.name_length = message.address_length.min(ADDRESS as u32);
        }
    }
    let flags = raw_flags(sending);
    // SAFETY: `count` entries are initialised; each points to one part, and each part and name to a buffer that
    // `messages` borrows mutably for longer than the call. Receiving passes no time-out (the fifth argument is null).
    let done = unsafe {
        call(
            number,
            [socket.as_raw_fd() as usize, entries.as_mut_ptr() as usize, count, flags as usize, 0],
        )
    }?;
    if !sending {
        for (message, entry) in messages.iter_mut().zip(&entries).take(done) {
            message.length = entry.length as usize;
            message.truncated = entry.header.flags & linux_raw_sys::net::MSG_TRUNC != 0;
            message.address_length = entry.header.name_length;
        }
    }
    Ok(done)
}

const fn raw_flags(sending: bool) -> u32 {
    let flags = linux_raw_sys::net::MSG_DONTWAIT;
    if sending { flags | linux_raw_sys::net::MSG_NOSIGNAL } else { flags }
}

/// Receives up to [`BATCH`] messages without waiting; `WOULDBLOCK` when there is none.
pub fn receive_batch(socket: BorrowedFd<'_>, messages: &mut [Message<'_>]) -> Result<usize, Errno> {
    batch(raw::__NR_recvmmsg, socket, messages, false)
}

/// Sends up to [`BATCH`] messages without waiting and says how many went; an error only if the first did not.
pub fn send_batch(socket: BorrowedFd<'_>, messages: &mut [Message<'_>]) -> Result<usize, Errno> {
    batch(raw::__NR_sendmmsg, socket, messages, true)
}
