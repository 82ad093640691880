//! A seccomp filter: the system calls a node makes once it serves, and no others.
//!
//! The program is classic BPF over `struct seccomp_data` (seccomp(2)). Any other call kills the process at once.

use alloc::vec::Vec;

use linux_raw_sys::general as nr;
use rustix::io::Errno;

use crate::sys::{self, Instruction};

const LOAD_WORD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER_EQUAL: u16 = 0x35;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
const KILL_PROCESS: u32 = 0x8000_0000;

/// `AUDIT_ARCH_X86_64`.
const ARCHITECTURE: u32 = 0xc000_003e;
/// Calls of the x32 ABI carry this bit under the same architecture.
const X32: u32 = 0x4000_0000;
const NUMBER_OFFSET: u32 = 0;
const ARCHITECTURE_OFFSET: u32 = 4;

/// What every node does: wait, tell the time, write to its console, end.
pub const COMMON: &[u32] = &[
    nr::__NR_epoll_wait,
    nr::__NR_epoll_pwait,
    nr::__NR_epoll_pwait2,
    nr::__NR_clock_gettime,
    nr::__NR_read,
    nr::__NR_write,
    nr::__NR_exit_group,
];

/// What a server of connections does besides.
pub const STREAMS: &[u32] = &[
    nr::__NR_recvfrom,
    nr::__NR_sendto,
    nr::__NR_accept4,
    nr::__NR_setsockopt,
    nr::__NR_epoll_ctl,
    nr::__NR_shutdown,
    nr::__NR_close,
];

/// What a server of datagrams, or a forwarder over packet sockets, does besides.
pub const DATAGRAMS: &[u32] = &[nr::__NR_recvmmsg, nr::__NR_sendmmsg];

/// What reading counters and events from the kernel takes.
pub const NETLINK: &[u32] = &[nr::__NR_sendto, nr::__NR_recvfrom];

/// What reading an open file from a place takes, one under /proc again included.
pub const FILES: &[u32] = &[nr::__NR_pread64];

/// Lets this process make only the calls in `sets`, for good.
pub fn confine(sets: &[&[u32]]) -> Result<(), Errno> {
    sys::filter_system_calls(&program(sets))
}

/// Assembles the filter: frequent calls should come first.
///
/// # Panics
/// With more calls than a jump can pass, about 250.
fn program(sets: &[&[u32]]) -> Vec<Instruction> {
    let calls: Vec<u32> = sets.iter().flat_map(|set| set.iter().copied()).collect();
    let count = u8::try_from(calls.len()).expect("few system calls");
    let step =
        |code, jump_true, jump_false, operand| Instruction { code, jump_true, jump_false, operand };
    let mut program = Vec::with_capacity(calls.len() + 6);
    program.push(step(LOAD_WORD, 0, 0, ARCHITECTURE_OFFSET));
    // `kill` is behind the load, the x32 check and the comparisons.
    program.push(step(JUMP_EQUAL, 0, count + 2, ARCHITECTURE));
    program.push(step(LOAD_WORD, 0, 0, NUMBER_OFFSET));
    program.push(step(JUMP_GREATER_EQUAL, count, 0, X32));
    for (position, call) in (0..count).zip(&calls) {
        program.push(step(JUMP_EQUAL, count - position, 0, *call));
    }
    program.push(step(RETURN, 0, 0, KILL_PROCESS));
    program.push(step(RETURN, 0, 0, ALLOW));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a filter as the kernel would.
    fn run(program: &[Instruction], architecture: u32, number: u32) -> u32 {
        let (mut at, mut word) = (0, 0);
        loop {
            let step = program[at];
            at += 1;
            match step.code {
                LOAD_WORD => {
                    word = if step.operand == NUMBER_OFFSET { number } else { architecture }
                }
                RETURN => return step.operand,
                JUMP_EQUAL | JUMP_GREATER_EQUAL => {
                    let holds = if step.code == JUMP_EQUAL {
                        word == step.operand
                    } else {
                        word >= step.operand
                    };
                    at += usize::from(if holds { step.jump_true } else { step.jump_false });
                }
                other => panic!("code {other:#x}"),
            }
        }
    }

    #[test]
    fn allows_what_is_listed_and_nothing_else() {
        let sets = [COMMON, STREAMS, DATAGRAMS];
        let program = program(&sets);
        let listed = |number| sets.iter().any(|set| set.contains(&number));
        for number in 0..600 {
            let expected = if listed(number) { ALLOW } else { KILL_PROCESS };
            assert_eq!(run(&program, ARCHITECTURE, number), expected, "call {number}");
            assert_eq!(run(&program, ARCHITECTURE, number | X32), KILL_PROCESS);
            assert_eq!(run(&program, 0x4000_0003, number), KILL_PROCESS, "i386 call {number}");
        }
    }

    #[test]
    fn never_allows_a_new_program_or_more_memory_or_files() {
        let program = program(&[COMMON, STREAMS, DATAGRAMS, NETLINK]);
        for number in [
            nr::__NR_execve,
            nr::__NR_mmap,
            nr::__NR_mprotect,
            nr::__NR_openat,
            nr::__NR_ptrace,
            nr::__NR_socket,
        ] {
            assert_eq!(run(&program, ARCHITECTURE, number), KILL_PROCESS);
        }
    }
}
