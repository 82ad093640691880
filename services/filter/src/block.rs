//! A classifier for a run of rules: for each thing that rules ask about, which of them a packet
//! satisfies there, as a bit vector; the first bit that all vectors have is the first match.
//!
//! After Lakshman and Stiliadis, "High-speed policy-based packet forwarding", SIGCOMM 1998, with
//! the aggregation of `vectors`. What a rule asks with every value (any source, or an interface)
//! stands in a vector of its own, so that the others stay sparse.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use service_core::Intervals;

use crate::vectors::{Builder, EMPTY, TooLarge, Vector, Vectors};

/// What one rule asks.
#[derive(Debug, Default)]
pub(crate) struct Question {
    pub from: Side,
    pub to: Side,
    pub content: Content,
}

/// What a rule asks of a packet's source, or of its destination; any one suffices.
#[derive(Debug, Default)]
pub(crate) struct Side {
    pub any: bool,
    /// One bit an interface.
    pub interfaces: u64,
    pub v4: Vec<(u32, u32)>,
    pub v6: Vec<(u128, u128)>,
}

/// What a rule asks of a packet's content: inclusive ranges of the numbers that
/// `rules::content` gives packets.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub any: bool,
    pub ranges: Vec<(u32, u32)>,
}

/// What of a packet decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub ingress: usize,
    pub egress: Option<usize>,
    pub source: IpAddr,
    pub destination: IpAddr,
    pub content: u32,
}

/// The classifier.
#[derive(Debug)]
pub(crate) struct Block {
    vectors: Vectors,
    from: SideIndex,
    to: SideIndex,
    any_content: Vector,
    content: Intervals<u32, Vector>,
}

#[derive(Debug)]
struct SideIndex {
    any: Vector,
    /// For each interface the rules that ask for it, or for nothing.
    interfaces: Box<[Vector]>,
    v4: Intervals<u32, Vector>,
    v6: Intervals<u128, Vector>,
}

impl Block {
    /// Compiles rules for a node with that many interfaces; an error if that takes more than
    /// `limit` words for vectors.
    pub(crate) fn new(
        questions: &[Question],
        interfaces: usize,
        limit: usize,
    ) -> Result<Self, TooLarge> {
        let mut builder = Builder::new(questions.len(), limit);
        let from = SideIndex::new(questions, |one| &one.from, interfaces, &mut builder)?;
        let to = SideIndex::new(questions, |one| &one.to, interfaces, &mut builder)?;
        let any_content = chosen(questions, |one| one.content.any, &mut builder)?;
        let content = sweep(questions, |one| &one.content.ranges, next_u32, &mut builder)?;
        Ok(Self { vectors: builder.finish(), from, to, any_content, content })
    }

    /// The first rule that matches.
    pub(crate) fn first(&self, facts: &Facts) -> Option<usize> {
        self.vectors.first(&[
            self.from.find(Some(facts.ingress), facts.source),
            self.to.find(facts.egress, facts.destination),
            [self.any_content, self.content.get(facts.content)],
        ])
    }

    /// Bytes of vectors in memory.
    #[cfg(test)]
    pub(crate) fn size(&self) -> usize {
        self.vectors.size()
    }
}

impl SideIndex {
    fn new(
        questions: &[Question],
        side: impl Fn(&Question) -> &Side,
        interfaces: usize,
        builder: &mut Builder,
    ) -> Result<Self, TooLarge> {
        let by = |index: usize, builder: &mut Builder| {
            let asks = |one: &Question| side(one).any || side(one).interfaces >> index & 1 != 0;
            chosen(questions, asks, builder)
        };
        Ok(Self {
            any: chosen(questions, |one| side(one).any, builder)?,
            interfaces: (0..interfaces)
                .map(|index| by(index, builder))
                .collect::<Result<_, _>>()?,
            v4: sweep(questions, |one| &side(one).v4, next_u32, builder)?,
            v6: sweep(questions, |one| &side(one).v6, next_u128, builder)?,
        })
    }

    fn find(&self, interface: Option<usize>, address: IpAddr) -> [Vector; 2] {
        let named = interface.and_then(|index| self.interfaces.get(index));
        let addressed = match address {
            IpAddr::V4(v4) => self.v4.get(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.get(v6.to_bits()),
        };
        [named.copied().unwrap_or(self.any), addressed]
    }
}

const fn next_u32(last: u32) -> Option<u32> {
    last.checked_add(1)
}

const fn next_u128(last: u128) -> Option<u128> {
    last.checked_add(1)
}

/// The vector of the rules for which something holds.
fn chosen(
    questions: &[Question],
    holds: impl Fn(&Question) -> bool,
    builder: &mut Builder,
) -> Result<Vector, TooLarge> {
    let mut bits = vec![0; questions.len().div_ceil(64)];
    for (index, _) in questions.iter().enumerate().filter(|(_, one)| holds(one)) {
        bits[index / 64] |= 1u64 << (index % 64);
    }
    builder.add(&bits)
}

/// For every number the vector of the rules that have it in a range; the ranges of one rule do
/// not overlap or touch.
fn sweep<K: Copy + Ord>(
    questions: &[Question],
    ranges: impl Fn(&Question) -> &[(K, K)],
    next: impl Fn(K) -> Option<K>,
    builder: &mut Builder,
) -> Result<Intervals<K, Vector>, TooLarge> {
    let mut edges: Vec<(K, u32)> = Vec::new();
    for (index, question) in (0..).zip(questions) {
        for &(low, high) in ranges(question) {
            edges.push((low, index));
            edges.extend(next(high).map(|beyond| (beyond, index)));
        }
    }
    edges.sort_unstable();
    let mut bits = vec![0; questions.len().div_ceil(64)];
    let mut intervals = Intervals::new(EMPTY);
    for here in edges.chunk_by(|one, other| one.0 == other.0) {
        for (_, index) in here {
            let index = *index as usize;
            bits[index / 64] ^= 1u64 << (index % 64);
        }
        intervals.append(here[0].0, builder.add(&bits)?);
    }
    intervals.shrink();
    Ok(intervals)
}
