//! Ordered rules as a decision tree whose leaves are short lists: HiCuts (Gupta and McKeown, Hot Interconnects 1999)
//! with uneven cuts, made where ranges of rules begin and end.
//!
//! A rule stands in every part that it may match in, in the old order; so the first match in the leaf that a packet
//! comes to is the first match of all. `topology/render/decision_tree.py` makes the same tree, step for step.

use alloc::collections::{BTreeMap, BinaryHeap};
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::ranges::Range;
use super::ruleset::Family;

/// So many lines are asked faster than they are told apart, and read better.
pub const LIST: usize = 32;
/// Lines of a list that is not worth a cut.
const LEAF: usize = 8;
/// Ranges in a part of the finest cut.
const LEAST: usize = 4;
/// The lines of all leaves, at most, for each line: what finds no room stays a longer list.
const COPIES: usize = 4;
/// Cuts on a way: the kernel follows 16 jumps, two of which lead to the tree.
const DEPTH: usize = 8;

/// What a cut looks at, in the order in which equal cuts are preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The destination address.
    Destination,
    /// The source address.
    Source,
    /// The destination port.
    Port,
    /// What the IP header carries.
    Protocol,
    /// The interface it came in by, by its place among all.
    Incoming,
    /// The interface it leaves by, by its place among all.
    Outgoing,
}

impl Field {
    const ALL: [Self; 6] = [
        Self::Destination,
        Self::Source,
        Self::Port,
        Self::Protocol,
        Self::Incoming,
        Self::Outgoing,
    ];

    /// Whether it has single values only, not ranges.
    fn discrete(self) -> bool {
        self >= Self::Protocol
    }
}

/// What a line asks for: a family, and ranges by field; none is any.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The family, if it is of one.
    pub family: Option<Family>,
    fields: [Vec<Range>; Field::ALL.len()],
}

impl Asked {
    /// Asks for a field.
    pub fn ask(&mut self, field: Field, ranges: Vec<Range>) {
        self.fields[field as usize] = ranges;
    }

    fn of(&self, field: Field) -> &[Range] {
        &self.fields[field as usize]
    }
}

/// Lines by their numbers, ascending, and how they are told apart if they are.
#[derive(Debug)]
pub struct Node {
    /// The lines.
    pub lines: Vec<usize>,
    /// How they are told apart.
    pub cut: Option<Cut>,
}

/// Which node each of a field's ranges leads to.
#[derive(Debug)]
pub struct Cut {
    /// The field.
    pub field: Field,
    /// Ranges, ascending, and their nodes.
    pub parts: Vec<(Vec<Range>, usize)>,
    /// The node for packets that have no such field or are in no range: its lines do not ask for it.
    pub rest: usize,
}

/// The trees of both families.
#[derive(Debug, Default)]
pub struct Tree {
    /// All nodes.
    pub nodes: Vec<Node>,
    /// The families that a line is of, and their roots.
    pub roots: Vec<(Family, usize)>,
}

/// A cut before it is made.
struct Plan {
    longest: usize,
    total: usize,
    field: Field,
    parts: Vec<Vec<Range>>,
}

/// Where ranges of a field begin, and where they have ended: how many of each, by place.
type Points = BTreeMap<u128, (usize, usize)>;

impl Tree {
    /// The tree of lines; the longest list is cut first.
    #[must_use]
    pub fn new(asked: &[Asked]) -> Self {
        let mut tree = Self::default();
        let mut waiting = BinaryHeap::new();
        let mut copies = 0;
        for family in [Family::V4, Family::V6] {
            let of_it = |line: &usize| asked[*line].family.is_none_or(|one| one == family);
            let lines: Vec<usize> = (0..asked.len()).filter(of_it).collect();
            if !lines.is_empty() {
                copies += lines.len();
                waiting.push((lines.len(), Reverse(tree.nodes.len()), 0));
                tree.roots.push((family, tree.nodes.len()));
                tree.nodes.push(Node { lines, cut: None });
            }
        }
        while let Some((length, Reverse(index), depth)) = waiting.pop() {
            if length <= LEAF {
                break;
            }
            let lines = &tree.nodes[index].lines;
            let plans = Field::ALL.iter().filter_map(|field| plan(asked, lines, *field));
            let best = plans.min_by_key(|plan| (plan.longest, plan.total, plan.field));
            let Some(plan) = best.filter(|_| depth < DEPTH) else { continue };
            let (parts, rest) = divide(asked, lines, &plan);
            let more = parts.iter().map(Vec::len).sum::<usize>() + rest.len();
            if copies - length + more > COPIES * asked.len() {
                continue;
            }
            copies = copies - length + more;
            let first = tree.nodes.len();
            let last = first + parts.len();
            tree.nodes[index].cut = Some(Cut {
                field: plan.field,
                parts: plan.parts.into_iter().zip(first..).collect(),
                rest: last,
            });
            for lines in parts.into_iter().chain([rest]) {
                let number = tree.nodes.len();
                let below = if number == last { depth } else { depth + 1 };
                waiting.push((lines.len(), Reverse(number), below));
                tree.nodes.push(Node { lines, cut: None });
            }
        }
        tree
    }
}

/// The finest cut that neither doubles the lines nor leaves most in one part.
fn plan(asked: &[Asked], lines: &[usize], field: Field) -> Option<Plan> {
    let mut points = Points::new();
    let mut others = 0;
    for line in lines {
        let ranges = asked[*line].of(field);
        others += usize::from(ranges.is_empty());
        for (low, high) in ranges {
            points.entry(*low).or_default().0 += 1;
            points.entry(high.saturating_add(1)).or_default().1 += 1;
        }
    }
    let mut size = LEAST;
    while !points.is_empty() && size < lines.len() {
        let (longest, total, parts) = sweep(&points, size, field.discrete());
        let (longest, total) = (longest + others, total + others * (parts.len() + 1));
        if total <= 2 * lines.len() && 4 * longest <= 3 * lines.len() {
            return Some(Plan { longest, total, field, parts });
        }
        size *= 2;
    }
    None
}

/// The most and the sum of ranges in parts that have up to `size`, or begin with more.
fn sweep(points: &Points, size: usize, discrete: bool) -> (usize, usize, Vec<Vec<Range>>) {
    let mut parts: Vec<Vec<Range>> = Vec::new();
    let (mut inside, mut held, mut longest, mut total) = (0, 0, 0, 0);
    let following = points.keys().skip(1);
    for ((point, (begin, ended)), next) in points.iter().zip(following) {
        inside = inside + begin - ended;
        if inside == 0 {
            continue;
        }
        let stretch = (*point, next - 1);
        match parts.last_mut() {
            Some(part) if held + begin <= size => {
                held += begin;
                total += begin;
                match part.last_mut() {
                    Some(last) if !discrete => last.1 = stretch.1,
                    _ => part.push(stretch),
                }
            }
            _ => {
                held = inside;
                total += inside;
                parts.push(vec![stretch]);
            }
        }
        longest = longest.max(held);
    }
    (longest, total, parts)
}

/// The lines of each part that they may match in, and the rest.
fn divide(asked: &[Asked], lines: &[usize], plan: &Plan) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut reached = vec![Vec::new(); plan.parts.len()];
    let starts: Vec<u128> = plan.parts.iter().map(|part| part[0].0).collect();
    let lasts: Vec<u128> = plan.parts.iter().map(|part| part[part.len() - 1].1).collect();
    let mut rest = Vec::new();
    for line in lines {
        let ranges = asked[*line].of(plan.field);
        if ranges.is_empty() {
            rest.push(*line);
            reached.iter_mut().for_each(|part| part.push(*line));
        }
        for (low, high) in ranges {
            let first = lasts.partition_point(|last| last < low);
            for (part, _) in reached[first..]
                .iter_mut()
                .zip(&starts[first..])
                .take_while(|(_, start)| *start <= high)
            {
                if part.last() != Some(line) {
                    part.push(*line);
                }
            }
        }
    }
    (reached, rest)
}
