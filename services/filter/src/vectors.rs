//! Sets of rules as bit vectors, of which only the words that are not zero are kept.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

/// Where a vector begins among the words of its block.
pub(crate) type Vector = u32;

/// The vector without any bit.
pub(crate) const EMPTY: Vector = 0;

/// Vectors of one length: of each a summary, one bit for every word, then those words that are
/// not zero (the aggregated bit vectors of Baboescu and Varghese, SIGCOMM 2001).
#[derive(Debug)]
pub(crate) struct Vectors {
    /// Words of a summary.
    summary: usize,
    words: Box<[u64]>,
}

/// More words than a block may have.
#[derive(Debug)]
pub(crate) struct TooLarge;

/// Vectors in the making; equal ones are kept once.
pub(crate) struct Builder {
    summary: usize,
    words: Vec<u64>,
    limit: usize,
    known: BTreeMap<u64, Vector>,
}

impl Builder {
    /// For vectors of `rules` bits that take no more than `limit` words together.
    pub(crate) fn new(rules: usize, limit: usize) -> Self {
        let summary = rules.div_ceil(64).div_ceil(64).max(1);
        Self { summary, words: vec![0; summary], limit, known: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, bits: &[u64]) -> Result<Vector, TooLarge> {
        let at = self.words.len();
        for group in bits.chunks(64) {
            let filled = group.iter().enumerate().filter(|(_, word)| **word != 0);
            self.words.push(filled.fold(0, |summary, (index, _)| summary | 1 << index));
        }
        self.words.resize(at + self.summary, 0);
        self.words.extend(bits.iter().filter(|word| **word != 0));
        if self.words[at..].iter().all(|word| *word == 0) {
            self.words.truncate(at);
            return Ok(EMPTY);
        }
        let hash = self.words[at..].iter().fold(0, |hash: u64, word| {
            (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
        });
        if let Some(&known) = self.known.get(&hash) {
            let (before, new) = self.words.split_at(at);
            if before[known as usize..].starts_with(new) {
                self.words.truncate(at);
                return Ok(known);
            }
        }
        if self.words.len() > self.limit {
            return Err(TooLarge);
        }
        let vector = Vector::try_from(at).map_err(|_| TooLarge)?;
        self.known.insert(hash, vector);
        Ok(vector)
    }

    pub(crate) fn finish(self) -> Vectors {
        Vectors { summary: self.summary, words: self.words.into() }
    }
}

impl Vectors {
    /// The first bit that is set in one of each pair.
    pub(crate) fn first(&self, pairs: &[[Vector; 2]; 3]) -> Option<usize> {
        for group in 0..self.summary {
            let either = |pair: &[Vector; 2]| {
                self.words[pair[0] as usize + group] | self.words[pair[1] as usize + group]
            };
            let mut candidates = either(&pairs[0]) & either(&pairs[1]) & either(&pairs[2]);
            while candidates != 0 {
                let index = candidates.trailing_zeros() as usize;
                let either = |pair: &[Vector; 2]| {
                    self.word(pair[0], group, index) | self.word(pair[1], group, index)
                };
                let word = either(&pairs[0]) & either(&pairs[1]) & either(&pairs[2]);
                if word != 0 {
                    return Some((64 * group + index) * 64 + word.trailing_zeros() as usize);
                }
                candidates &= candidates - 1;
            }
        }
        None
    }

    /// The word that the summary's bit `index` of `group` stands for.
    fn word(&self, vector: Vector, group: usize, index: usize) -> u64 {
        let vector = &self.words[vector as usize..];
        let summary = vector[group];
        if summary >> index & 1 == 0 {
            return 0;
        }
        let groups = vector[..group].iter().map(|word| word.count_ones()).sum::<u32>();
        let before = groups + (summary & ((1 << index) - 1)).count_ones();
        vector[self.summary + before as usize]
    }

    /// Bytes in memory.
    #[cfg(test)]
    pub(crate) fn size(&self) -> usize {
        8 * self.words.len()
    }
}
