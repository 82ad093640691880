//! A classifier for a run of rules: for each thing that rules ask about, which of them a packet
//! satisfies there, as a bit vector; the first bit that all vectors have is the first match.
//!
//! After Lakshman and Stiliadis, "High-speed policy-based packet forwarding", SIGCOMM 1998, with
//! the aggregation of `vectors`. What a rule asks with every value (any source, or an interface)
//! stands in a vector of its own, so that the others stay sparse.

use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use service_config::{Endpoint, Interface, Rule};
use service_core::Intervals;

use crate::ask;
use crate::vectors::{Builder, EMPTY, TooLarge, Vector, Vectors};

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
    /// Compiles rules for a node with these interfaces; an error if that takes more than `limit`
    /// words for vectors.
    pub(crate) fn new(
        rules: &[Rule],
        interfaces: &[Interface],
        limit: usize,
    ) -> Result<Self, TooLarge> {
        let mut builder = Builder::new(rules.len(), limit);
        let from = SideIndex::new(rules, &|rule| &rule.from, interfaces, &mut builder)?;
        let to = SideIndex::new(rules, &|rule| &rule.to, interfaces, &mut builder)?;
        let any_content = chosen(rules, &|rule| rule.matches.is_empty(), &mut builder)?;
        let content = sweep_u32(rules, &ask::contents, &mut builder)?;
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
        rules: &[Rule],
        side: &dyn Fn(&Rule) -> &[Endpoint],
        interfaces: &[Interface],
        builder: &mut Builder,
    ) -> Result<Self, TooLarge> {
        let by = |one: &Interface| {
            chosen(rules, &|rule| ask::interface(side(rule), &one.name), &mut *builder)
        };
        let interfaces = interfaces.iter().map(by).collect::<Result<_, _>>()?;
        let mut v6 = Intervals::new(EMPTY);
        let of_v6: &Ranges = &|rule, each| ask::v6(side(rule), each);
        sweep(rules, of_v6, builder, &mut |from, vector| v6.append(from, vector))?;
        v6.shrink();
        Ok(Self {
            any: chosen(rules, &|rule| side(rule).is_empty(), builder)?,
            interfaces,
            v4: sweep_u32(rules, &|rule, each| ask::v4(side(rule), each), builder)?,
            v6,
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

/// The vector of the rules for which something holds.
fn chosen(
    rules: &[Rule],
    holds: &dyn Fn(&Rule) -> bool,
    builder: &mut Builder,
) -> Result<Vector, TooLarge> {
    let mut bits = vec![0; rules.len().div_ceil(64)];
    for (index, _) in rules.iter().enumerate().filter(|(_, one)| holds(one)) {
        bits[index / 64] |= 1u64 << (index % 64);
    }
    builder.add(&bits)
}

/// Says the inclusive ranges of numbers that a rule asks for.
type Ranges<'a> = dyn Fn(&Rule, &mut dyn FnMut(u128, u128)) + 'a;

/// [`sweep`] where all numbers are of 32 bits.
fn sweep_u32(
    rules: &[Rule],
    ranges: &Ranges<'_>,
    builder: &mut Builder,
) -> Result<Intervals<u32, Vector>, TooLarge> {
    let mut intervals = Intervals::new(EMPTY);
    sweep(rules, ranges, builder, &mut |from, vector| {
        // A range that ends with the last number ends nowhere.
        if let Ok(from) = u32::try_from(from) {
            intervals.append(from, vector);
        }
    })?;
    intervals.shrink();
    Ok(intervals)
}

/// Says, from the least number on where it changes, the vector of the rules that have it in a range.
///
/// Not generic, and sorted by a heap: code is what an image is made of.
fn sweep(
    rules: &[Rule],
    ranges: &Ranges<'_>,
    builder: &mut Builder,
    append: &mut dyn FnMut(u128, Vector),
) -> Result<(), TooLarge> {
    let mut count = 0;
    rules.iter().for_each(|rule| ranges(rule, &mut |_, _| count += 2));
    let mut edges: Vec<(u128, u32, bool)> = Vec::with_capacity(count);
    for (index, rule) in (0..).zip(rules) {
        ranges(rule, &mut |low, high| {
            edges.push((low, index, true));
            edges.extend(high.checked_add(1).map(|beyond| (beyond, index, false)));
        });
    }
    let edges = BinaryHeap::from(edges).into_sorted_vec();
    let mut bits = vec![0; rules.len().div_ceil(64)];
    // In how many of its ranges each rule has the number: they may overlap.
    let mut inside = vec![0u32; rules.len()];
    for here in edges.chunk_by(|one, other| one.0 == other.0) {
        for &(_, index, begins) in here {
            let index = index as usize;
            let now = if begins { inside[index] + 1 } else { inside[index] - 1 };
            inside[index] = now;
            let bit = 1u64 << (index % 64);
            bits[index / 64] = bits[index / 64] & !bit | if now == 0 { 0 } else { bit };
        }
        append(here[0].0, builder.add(&bits)?);
    }
    Ok(())
}
