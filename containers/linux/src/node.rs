//! What a node is: its configuration, its clock, its console.

use alloc::vec::Vec;
use core::net::IpAddr;

use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags, fstat, open};
use rustix::io::{Errno, read};
use rustix::time::{ClockId, clock_gettime};
use service_config::{Kind, NodeConfig};
use service_console::{Event, Report};
use service_core::{Counters, Instant};

use crate::console;
use crate::events::Woken;
use crate::fatal::Fatal;

/// Where the configuration document is bound.
pub const CONFIG: &str = "/config.json";
/// A document is read whole; more than this is a mistake.
const LONGEST: u64 = 64 << 20;
/// Room kept for the next read of a file.
const PIECE: usize = 4096;

/// Moments since the node started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: u64,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: micros() }
    }

    /// The present; it costs no system call where the kernel offers its clock to programs.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_micros(micros() - self.start)
    }
}

fn micros() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000 + now.tv_nsec.cast_unsigned() / 1_000
}

/// A node that has read its configuration.
#[derive(Debug)]
pub struct Node {
    /// What it was told.
    pub config: NodeConfig,
    /// Its clock.
    pub clock: Clock,
    report: Report,
}

impl Node {
    /// Opens the console, reads the configuration of a node of this kind and says so.
    pub fn load(kind: Kind) -> Result<Self, Fatal> {
        let clock = Clock::start();
        console::open_file()?;
        let config = NodeConfig::parse_for(kind, &read_file(CONFIG)?)
            .map_err(|error| Fatal::new(alloc::format!("{CONFIG}: {error}")))?;
        console::name_node(&config.node);
        let NodeConfig { node, topology, .. } = &config;
        let boot = Event::Boot { node, kind: kind.name(), topology, config: None };
        console::line(clock.now(), &boot);
        Ok(Self { config, clock, report: Report::new() })
    }

    /// All own addresses, in the order of the interfaces.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.config
            .interfaces
            .iter()
            .flat_map(|interface| &interface.addresses)
            .map(|own| own.address())
    }

    /// Says that the node serves.
    pub fn ready(&self) {
        let NodeConfig { node, kind, .. } = &self.config;
        console::line(self.clock.now(), &Event::Ready { node, kind: kind.name() });
    }

    /// Takes what ended a wait: who asked for the counters will get them. Returns whether to stop.
    pub fn heed(&mut self, woken: Woken) -> bool {
        if woken.report {
            self.report.ask();
        }
        woken.stop
    }

    /// When who asked for the counters is to be answered, if somebody did.
    #[must_use]
    pub fn answer(&self) -> Option<Instant> {
        self.report.answer()
    }

    /// Writes the counters if a line is due; returns when to ask again, `None` when nothing has changed since.
    pub fn report(&mut self, now: Instant, counters: &dyn Counters) -> Option<Instant> {
        if self.report.due(now, counters).is_some() {
            console::line(now, &Event::Counters { node: &self.config.node, counters });
        }
        self.report.deadline(counters)
    }
}

/// Reads a whole file, which may be one of those under /proc that have no size.
pub fn read_file(path: &str) -> Result<Vec<u8>, Fatal> {
    let failed = |error| Fatal::system(path, error);
    let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
    let length = fstat(&file).map_err(failed)?.st_size.cast_unsigned();
    if length > LONGEST {
        return Err(failed(Errno::FBIG));
    }
    let mut bytes = Vec::with_capacity(length as usize + PIECE);
    loop {
        bytes.reserve(PIECE);
        match read(&file, spare_capacity(&mut bytes)) {
            Ok(0) => return Ok(bytes),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(failed(error)),
        }
    }
}
