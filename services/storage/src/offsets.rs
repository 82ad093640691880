//! Where a trial reads.

use core::fmt;

use service_config::{Pattern, Trial};

/// A device on which not one read of the trial fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSmall {
    /// Bytes of the device.
    pub size: u64,
    /// Bytes of a read.
    pub block: u32,
}

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of data are too few for a read of {}", self.size, self.block)
    }
}

impl core::error::Error for TooSmall {}

/// The offsets of a trial's reads, in bytes.
#[derive(Clone, Debug)]
pub struct Offsets {
    trial: Trial,
    blocks: u64,
    made: u32,
}

impl Offsets {
    /// Those on a device of `size` bytes.
    pub fn new(trial: Trial, size: u64) -> Result<Self, TooSmall> {
        match size / u64::from(trial.block) {
            0 => Err(TooSmall { size, block: trial.block }),
            blocks => Ok(Self { trial, blocks, made: 0 }),
        }
    }
}

impl Iterator for Offsets {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.made == self.trial.reads {
            return None;
        }
        let number = u64::from(self.made);
        self.made += 1;
        let block = match self.trial.pattern {
            Pattern::Sequential => number % self.blocks,
            // The high bits of a product choose without a division, and without bias worth naming.
            Pattern::Random => {
                let random = mixed(u64::from(self.trial.seed) << 32 | number);
                ((u128::from(random) * u128::from(self.blocks)) >> 64) as u64
            }
        };
        Some(block * u64::from(self.trial.block))
    }
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::collections::HashMap;
    use std::format;
    use std::vec::Vec;

    fn offsets(pattern: &str, reads: u32, seed: u32, size: u64) -> Vec<u64> {
        let document = format!(
            r#"{{"version":1,"pattern":"{pattern}","block":4096,"reads":{reads},"seed":{seed},"direct":false}}"#
        );
        Offsets::new(Trial::parse(document.as_bytes()).unwrap(), size).unwrap().collect()
    }

    #[test]
    fn reads_in_order_begin_again_at_the_end() {
        assert_eq!(offsets("sequential", 4, 0, 3 * 4096 + 100), [0, 4096, 8192, 0]);
    }

    #[test]
    fn random_reads_reach_every_block_about_as_often() {
        let all = offsets("random", 16_000, 1, 16 * 4096);
        let mut times: HashMap<u64, u32> = HashMap::new();
        for offset in &all {
            *times.entry(*offset).or_default() += 1;
        }
        assert_eq!(times.len(), 16);
        assert!(times.values().all(|count| (800..1200).contains(count)), "{times:?}");
        assert_eq!(all, offsets("random", 16_000, 1, 16 * 4096), "the same seed reads the same");
        assert_ne!(all, offsets("random", 16_000, 2, 16 * 4096));
    }

    #[test]
    fn a_device_without_a_block_is_refused() {
        let document =
            r#"{"version":1,"pattern":"random","block":8192,"reads":1,"seed":0,"direct":false}"#;
        let trial = Trial::parse(document.as_bytes()).unwrap();
        let refused = Offsets::new(trial, 8191).unwrap_err();
        assert_eq!(refused, TooSmall { size: 8191, block: 8192 });
    }
}
