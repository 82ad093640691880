//! The kernel forwards and filters; the node tells what it counted and dropped.

use rustix::thread::CapabilitySet;
use service_core::{CounterName, Counters, Duration};

use crate::events::{EventFlags, Events};
use crate::network::{self, Use};
use crate::nflog::DropLog;
use crate::nft::Policy;
use crate::node::Node;
use crate::privileges;
use crate::seccomp::{COMMON, FILES, NETLINK};
use crate::snmp::Snmp;
use crate::{Fatal, console};

/// The kernel does not say when a packet was counted: its counters are read this often. It takes some 50 µs.
const INTERVAL: Duration = Duration::from_secs(1);
const DROPS: u64 = 0;

/// How many packets were forwarded, then what the policy counted.
struct Both<'a>(u64, Option<&'a dyn Counters>);

impl Counters for Both<'_> {
    fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64)) {
        visit(CounterName::fixed("forwarded"), self.0);
        if let Some(policy) = self.1 {
            policy.visit(visit);
        }
    }
}

/// Runs the node until it is asked to stop.
pub fn run(mut node: Node) -> Result<(), Fatal> {
    // The filter is in place before the first packet can be forwarded.
    let mut policy = Policy::load(&node.config)?;
    let interfaces = network::set_up(&node.config, Use::Forward)?;
    let mut events = Events::new()?;
    let mut drops = match policy {
        Some(_) => Some(DropLog::open(&interfaces)?),
        None => None,
    };
    if let Some(drops) = &drops {
        events
            .watch(drops, DROPS, EventFlags::IN)
            .map_err(|error| Fatal::system("watch drops", error))?;
    }
    let snmp = Snmp::open()?;
    // Reading the filter's counters takes it; where nothing is dropped there is nothing to read.
    let kept = if policy.is_some() { CapabilitySet::NET_ADMIN } else { CapabilitySet::empty() };
    privileges::drop_all_but(kept, &[COMMON, FILES, NETLINK])?;
    node.ready();

    let mut next = node.clock.now();
    loop {
        let now = node.clock.now();
        if next <= now {
            next = now + INTERVAL;
            let counters = match &mut policy {
                Some(policy) => Some(policy.read()? as &dyn Counters),
                None => None,
            };
            node.report(now, &Both(snmp.forwarded()?, counters));
        }
        let woken = events.wait(&node.clock, Some(next))?;
        let stop = node.heed(woken);
        if let Some(answer) = node.answer() {
            next = next.min(answer);
        }
        if let Some(drops) = &mut drops {
            let now = node.clock.now();
            drops.take(now, |dropped| console::line(now, &dropped.event(&node.config)))?;
        }
        if stop {
            return Ok(());
        }
    }
}
