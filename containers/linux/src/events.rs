//! Waiting: descriptors, time, and the signal to stop.

use linux_raw_sys::general::{SIGINT, SIGTERM, SIGUSR1};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{Errno, read};
use service_core::Instant;

use alloc::vec::Vec;

use crate::node::Clock;
use crate::{Fatal, sys};

pub use rustix::event::epoll::EventFlags;

/// At most this many events are fetched by one wait.
const BATCH: usize = 256;
/// The signals' own token.
const SIGNALS: u64 = u64::MAX;
/// `struct signalfd_siginfo`.
const SIGNAL_LENGTH: usize = 128;

/// What a wait was ended by, besides its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Woken {
    /// The node is asked to stop (SIGTERM or SIGINT).
    pub stop: bool,
    /// The node is asked for its counters (SIGUSR1).
    pub report: bool,
}

/// The descriptors a node waits for. It owns none of them.
pub struct Events {
    epoll: OwnedFd,
    signals: OwnedFd,
    ready: Vec<epoll::Event>,
}

const fn mask(signal: u32) -> u64 {
    1 << (signal - 1)
}

impl Events {
    /// Waits for nothing yet but signals, which are blocked from now on and only seen by [`wait`](Self::wait).
    pub fn new() -> Result<Self, Fatal> {
        let failed = |error| Fatal::system("event loop", error);
        let caught = mask(SIGTERM) | mask(SIGINT) | mask(SIGUSR1);
        sys::block_signals(caught).map_err(failed)?;
        let signals = sys::signal_descriptor(caught).map_err(failed)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?;
        let events = Self { epoll, signals, ready: Vec::with_capacity(BATCH) };
        events.watch(&events.signals, SIGNALS, EventFlags::IN).map_err(failed)?;
        Ok(events)
    }

    /// Watches a descriptor until it is closed; its events carry `token` (any number but the largest).
    pub fn watch(&self, descriptor: impl AsFd, token: u64, flags: EventFlags) -> Result<(), Errno> {
        epoll::add(&self.epoll, descriptor, epoll::EventData::new_u64(token), flags)
    }

    /// Waits for events until `deadline` (for ever if `None`); they are in [`ready`](Self::ready) then.
    pub fn wait(&mut self, clock: &Clock, deadline: Option<Instant>) -> Result<Woken, Fatal> {
        let timeout = deadline.map(|deadline| timespec(deadline.since(clock.now()).micros()));
        self.ready.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.ready), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(Fatal::system("wait", error)),
        }
        let mut woken = Woken::default();
        if self.ready.iter().any(|event| event.data.u64() == SIGNALS) {
            self.take_signals(&mut woken)?;
        }
        Ok(woken)
    }

    /// What the last wait found: tokens and their flags.
    pub fn ready(&self) -> impl Iterator<Item = (u64, EventFlags)> {
        let both = |event: &epoll::Event| (event.data.u64(), event.flags);
        self.ready.iter().map(both).filter(|(token, _)| *token != SIGNALS)
    }

    fn take_signals(&self, woken: &mut Woken) -> Result<(), Fatal> {
        let mut signal = [0; SIGNAL_LENGTH];
        loop {
            match read(&self.signals, &mut signal) {
                Ok(SIGNAL_LENGTH) => {}
                Ok(_) | Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(Fatal::system("signals", error)),
            }
            match u32::from_ne_bytes([signal[0], signal[1], signal[2], signal[3]]) {
                SIGUSR1 => woken.report = true,
                _ => woken.stop = true,
            }
        }
    }
}

fn timespec(micros: u64) -> Timespec {
    Timespec {
        tv_sec: (micros / 1_000_000).cast_signed(),
        tv_nsec: (micros % 1_000_000 * 1_000).cast_signed(),
    }
}
