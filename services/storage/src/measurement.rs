//! What came of a trial.

use service_config::Trial;
use service_core::{CounterName, Counters, Duration};

/// Steps of the histogram for each doubling of the time.
const STEPS: u64 = 16;
/// Cells: every time up to 2^32 microseconds, more than an hour.
const CELLS: usize = (STEPS * 29) as usize;

/// What was read, how fast, and whether it was what should be there.
#[derive(Clone, Debug)]
pub struct Measurement {
    reads: u64,
    bytes: u64,
    wrong_pages: u64,
    elapsed: Duration,
    slowest: Duration,
    /// Reads by how long they took, in cells at most a sixteenth wide.
    cells: [u32; CELLS],
}

impl Default for Measurement {
    fn default() -> Self {
        Self::new()
    }
}

impl Measurement {
    /// Nothing was read yet.
    pub const fn new() -> Self {
        Self {
            reads: 0,
            bytes: 0,
            wrong_pages: 0,
            elapsed: Duration::ZERO,
            slowest: Duration::ZERO,
            cells: [0; CELLS],
        }
    }

    /// Counts a read of `data` at `offset` that took `time`, and looks at each of its pages.
    pub fn count(&mut self, offset: u64, data: &[u8], time: Duration) {
        self.reads += 1;
        self.bytes += data.len() as u64;
        self.slowest = self.slowest.max(time);
        self.cells[cell(time.micros())] += 1;
        const PAGE: usize = Trial::PAGE as usize;
        for (number, page) in (offset / PAGE as u64..).zip(data.chunks(PAGE)) {
            if page.first_chunk() != Some(&number.to_le_bytes()) {
                self.wrong_pages += 1;
            }
        }
    }

    /// Sets how long all of it took.
    pub fn finish(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
    }

    /// Pages that held something else than they should.
    pub fn wrong_pages(&self) -> u64 {
        self.wrong_pages
    }

    /// The time within which `thousandths` of the reads were done, in microseconds: the upper end
    /// of its cell.
    fn within(&self, thousandths: u64) -> u64 {
        let wanted = (self.reads * thousandths).div_ceil(1000);
        let mut seen = 0;
        for (cell, count) in self.cells.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted && seen > 0 {
                return upper_end(cell as u64).min(self.slowest.micros());
            }
        }
        self.slowest.micros()
    }
}

impl Counters for Measurement {
    fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64)) {
        for (name, value) in [
            ("reads", self.reads),
            ("bytes", self.bytes),
            ("wrong_pages", self.wrong_pages),
            ("elapsed_us", self.elapsed.micros()),
            ("p50_us", self.within(500)),
            ("p99_us", self.within(990)),
            ("max_us", self.slowest.micros()),
        ] {
            visit(CounterName::fixed(name), value);
        }
    }
}

/// The cell of a time: each for itself up to `STEPS`, then `STEPS` for each doubling.
fn cell(micros: u64) -> usize {
    let doublings = u64::from((micros / STEPS).checked_ilog2().map_or(0, |log| log + 1));
    let index = match doublings {
        0 => micros,
        _ => doublings * STEPS + (micros >> (doublings - 1)) - STEPS,
    };
    (index as usize).min(CELLS - 1)
}

/// The longest time in a cell.
fn upper_end(cell: u64) -> u64 {
    match cell / STEPS {
        0 => cell,
        doublings => ((cell % STEPS + STEPS + 1) << (doublings - 1)) - 1,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::collections::HashMap;
    use std::string::{String, ToString};

    fn counters(measurement: &Measurement) -> HashMap<String, u64> {
        let mut all = HashMap::new();
        measurement.visit(&mut |name, value| {
            all.insert(name.to_string(), value);
        });
        all
    }

    #[test]
    fn every_time_lies_in_the_cell_that_ends_at_or_after_it() {
        let mut last = 0;
        for micros in (0..5000).chain((13..32).map(|bits| (1 << bits) - 1)).chain([1 << 31]) {
            let cell = cell(micros) as u64;
            assert!(cell >= last, "{micros} us");
            assert!(upper_end(cell) >= micros, "{micros} us end at {}", upper_end(cell));
            assert!(upper_end(cell) <= micros + micros / STEPS, "{micros} us");
            last = cell;
        }
        assert_eq!(super::cell(u64::MAX), CELLS - 1);
    }

    #[test]
    fn pages_are_known_by_their_numbers() {
        let mut data = std::vec![0; 3 * 4096];
        for (number, page) in (5u64..).zip(data.chunks_mut(4096)) {
            page[..8].copy_from_slice(&number.to_le_bytes());
        }
        let mut measurement = Measurement::new();
        measurement.count(5 * 4096, &data, Duration::from_micros(3));
        assert_eq!(measurement.wrong_pages(), 0);
        measurement.count(6 * 4096, &data, Duration::from_micros(3));
        assert_eq!(measurement.wrong_pages(), 3);
        measurement.count(0, &[0; 4], Duration::from_micros(3));
        assert_eq!(measurement.wrong_pages(), 4);
    }

    #[test]
    fn the_counters_say_how_long_it_took() {
        let mut measurement = Measurement::new();
        for micros in 1..=1000 {
            measurement.count(0, &[], Duration::from_micros(micros));
        }
        measurement.finish(Duration::from_millis(501));
        let counters = counters(&measurement);
        assert_eq!((counters["reads"], counters["elapsed_us"]), (1000, 501_000));
        assert_eq!((counters["p50_us"], counters["p99_us"], counters["max_us"]), (511, 991, 1000));
    }
}
