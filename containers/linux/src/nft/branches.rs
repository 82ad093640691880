//! The decision tree as chains: verdict maps that lead from one to the next, and short lists at the ends.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::lines::Line;
use super::ranges::Range;
use super::ruleset::{Chain, Condition, Family, NftRule, Outcome, Selector};
use super::tree::{Asked, Cut, Field, Tree};

/// The rule that leads into the tree, and its chains; `interfaces` are the names of all, sorted.
pub fn branches(lines: &[Line<'_>], interfaces: &[String]) -> (NftRule, Vec<Chain>) {
    let asked: Vec<Asked> = lines.iter().map(|line| ask(&line.conditions, interfaces)).collect();
    let tree = Tree::new(&asked);
    let mut waiting = Waiting(Vec::new());
    let roots = tree.roots.iter().map(|(family, node)| {
        let number = family.number().into();
        ((number, number), waiting.chain(*family, *node))
    });
    let outcome = Outcome::Map(Selector::Family, roots.collect());
    let entry = NftRule { conditions: Vec::new().into(), outcome };
    let mut chains = Vec::new();
    while let Some(&(family, top)) = waiting.0.get(chains.len()) {
        let (mut rules, mut node) = (Vec::new(), top);
        while let Some(cut) = &tree.nodes[node].cut {
            rules.push(map(cut, family, interfaces, &mut waiting));
            node = cut.rest;
        }
        rules.extend(tree.nodes[node].lines.iter().flat_map(|line| lines[*line].shared()));
        chains.push(Chain { name: format!("tree{}", chains.len() + 1), hook: None, rules });
    }
    (entry, chains)
}

/// Nodes that have a chain of their own, in the chains' order.
struct Waiting(Vec<(Family, usize)>);

impl Waiting {
    /// The name of a node's chain.
    fn chain(&mut self, family: Family, node: usize) -> String {
        self.0.push((family, node));
        format!("tree{}", self.0.len())
    }
}

fn map(cut: &Cut, family: Family, interfaces: &[String], waiting: &mut Waiting) -> NftRule {
    let mut members: Vec<(Range, String)> = Vec::new();
    for (ranges, child) in &cut.parts {
        let name = waiting.chain(family, *child);
        members.extend(ranges.iter().map(|range| (*range, name.clone())));
    }
    let mut conditions = Vec::new();
    let selector = match cut.field {
        Field::Destination | Field::Source => {
            conditions = vec![Condition::Family(family)];
            if cut.field == Field::Source {
                Selector::Source(family)
            } else {
                Selector::Destination(family)
            }
        }
        Field::Port => Selector::Port,
        Field::Protocol => Selector::Protocol,
        Field::Incoming => Selector::Incoming(interfaces.into()),
        Field::Outgoing => Selector::Outgoing(interfaces.into()),
    };
    NftRule { conditions: conditions.into(), outcome: Outcome::Map(selector, members) }
}

/// What conditions ask for, in numbers; an interface is its place among all.
fn ask(conditions: &[Condition], interfaces: &[String]) -> Asked {
    let mut asked = Asked::default();
    let places = |names: &[String]| -> Vec<Range> {
        let place = |name| interfaces.iter().position(|one| one == name);
        names.iter().filter_map(place).map(|place| (place as u128, place as u128)).collect()
    };
    for condition in conditions {
        match condition {
            Condition::Family(family) => asked.family = Some(*family),
            Condition::Source(_, ranges) => asked.ask(Field::Source, ranges.clone()),
            Condition::Destination(_, ranges) => asked.ask(Field::Destination, ranges.clone()),
            Condition::Ports(ranges) => asked.ask(Field::Port, ranges.clone()),
            Condition::Protocol(numbers) => asked.ask(
                Field::Protocol,
                numbers.iter().map(|one| (u128::from(*one), u128::from(*one))).collect(),
            ),
            Condition::Incoming(names) => asked.ask(Field::Incoming, places(names)),
            Condition::Outgoing(names) => asked.ask(Field::Outgoing, places(names)),
            // Not cut by.
            Condition::Types(_)
            | Condition::State(_)
            | Condition::HopLimit(_)
            | Condition::ToMany
            | Condition::ToOne
            | Condition::NoWayBack
            | Condition::ToItself => {}
        }
    }
    asked
}
