//! Reads the file bound at /data as its document says, writes what came of it, ends.
#![no_std]
#![no_main]

extern crate alloc;

use linux::node::{CONFIG, Clock, read_file};
use linux::rustix::fs::{Mode, OFlags, fstat, open};
use linux::rustix::io::pread;
use linux::rustix::thread::CapabilitySet;
use linux::seccomp::{COMMON, FILES};
use linux::{Fatal, console, init, privileges};
use service_config::Trial;
use service_console::Event;
use service_storage::{Measurement, Offsets};

init!(run);

const NODE: &str = "storage";
const DATA: &str = "/data";
/// What a read that passes the page cache by must be aligned to.
const ALIGNMENT: usize = Trial::PAGE as usize;

fn run() -> Result<(), Fatal> {
    let clock = Clock::start();
    console::open_file()?;
    console::name_node(NODE);
    let boot = Event::Boot { node: NODE, kind: NODE, topology: "", config: None };
    console::line(clock.now(), &boot);
    let trial = Trial::parse(&read_file(CONFIG)?).map_err(Fatal::display)?;
    let failed = |error| Fatal::system(DATA, error);
    let past_the_cache = if trial.direct { OFlags::DIRECT } else { OFlags::empty() };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | past_the_cache;
    let data = open(DATA, flags, Mode::empty()).map_err(failed)?;
    let size = fstat(&data).map_err(failed)?.st_size.cast_unsigned();
    let offsets = Offsets::new(trial, size).map_err(Fatal::display)?;
    let length = trial.block as usize;
    let mut memory = alloc::vec![0; length + ALIGNMENT];
    let aligned = memory.as_ptr().align_offset(ALIGNMENT);
    let buffer = &mut memory[aligned..aligned + length];
    privileges::drop_all_but(CapabilitySet::empty(), &[COMMON, FILES])?;
    console::line(clock.now(), &Event::Ready { node: NODE, kind: NODE });

    let mut measurement = Measurement::new();
    let start = clock.now();
    let mut before = start;
    for offset in offsets {
        if pread(&data, &mut *buffer, offset).map_err(failed)? != length {
            return Err(Fatal::new("the data became shorter"));
        }
        let after = clock.now();
        measurement.count(offset, buffer, after.since(before));
        before = after;
    }
    measurement.finish(clock.now().since(start));
    console::line(clock.now(), &Event::Counters { node: NODE, counters: &measurement });
    Ok(())
}
