//! The neighbours' hardware addresses, and the frames that wait for them.
//!
//! The table is an array of sets and bounded. When a set is full, a neighbour that was never
//! found is forgotten before one that was, so that a scan of absent addresses costs nothing but
//! its own places. An idle table needs no timer: what is old is asked for again when it is used.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use core::net::{IpAddr, Ipv4Addr};

use service_core::Instant;

use crate::ethernet::Mac;
use crate::limits;

/// The places of a set.
const WAYS: usize = 4;
const SETS: usize = limits::NEIGHBOURS / WAYS;

/// A station on a port's link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Neighbour {
    pub port: usize,
    pub address: IpAddr,
}

/// What is known of a neighbour that is to be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// Its address.
    Known(Mac),
    /// Its address, which should be asked for again, of the station itself.
    Stale(Mac),
    /// Nothing, and it should be asked for.
    Unknown,
    /// Nothing yet.
    Asked,
}

/// What has become due.
pub(crate) enum Work<F> {
    /// A neighbour is to be asked for.
    Ask(Neighbour),
    /// A frame whose neighbour does not answer.
    GiveUp(F),
}

#[derive(Debug)]
pub(crate) struct Neighbours<F> {
    sets: Box<[[Entry; WAYS]]>,
    waiting: VecDeque<(Neighbour, F)>,
    /// How many entries are being asked for.
    asking: usize,
    /// No work before this, if there is any at all.
    due: Instant,
    seed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    neighbour: Neighbour,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Free,
    Asking { tries: u8, next: Instant },
    Known { mac: Mac, confirmed: Instant, tries: u8, asked: Instant },
}

impl Entry {
    const FREE: Self = Self {
        neighbour: Neighbour { port: usize::MAX, address: IpAddr::V4(Ipv4Addr::UNSPECIFIED) },
        state: State::Free,
    };

    fn is_asking(&self) -> bool {
        matches!(self.state, State::Asking { .. })
    }

    /// Who goes first when there is no room: the least.
    fn rank(&self) -> (u8, Instant) {
        match self.state {
            State::Free => (0, Instant::ZERO),
            State::Asking { next, .. } => (1, next),
            State::Known { confirmed, .. } => (2, confirmed),
        }
    }
}

impl<F> Neighbours<F> {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            sets: vec![[Entry::FREE; WAYS]; SETS].into(),
            waiting: VecDeque::with_capacity(limits::PENDING),
            asking: 0,
            due: Instant::ZERO,
            seed,
        }
    }

    fn set(&mut self, neighbour: Neighbour) -> &mut [Entry; WAYS] {
        let bits = match neighbour.address {
            IpAddr::V4(v4) => u64::from(v4.to_bits()),
            IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64 ^ (v6.to_bits() as u64).rotate_left(7),
        } ^ (neighbour.port as u64) << 32;
        let hash = (bits ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15 | self.seed << 1);
        &mut self.sets[(hash >> 32) as usize % SETS]
    }

    fn entry(&mut self, neighbour: Neighbour) -> Option<&mut Entry> {
        let set = self.set(neighbour);
        set.iter_mut()
            .find(|entry| entry.neighbour == neighbour && !matches!(entry.state, State::Free))
    }

    /// What is known of `neighbour`, to which something is to be sent.
    pub(crate) fn resolve(&mut self, now: Instant, neighbour: Neighbour) -> Resolution {
        let Some(entry) = self.entry(neighbour) else {
            self.ask(now, neighbour);
            return Resolution::Unknown;
        };
        let State::Known { mac, confirmed, tries, asked } = &mut entry.state else {
            return Resolution::Asked;
        };
        let mac = *mac;
        if now.since(*confirmed) < limits::REACHABLE || now.since(*asked) < limits::RETRY {
            return Resolution::Known(mac);
        }
        if *tries < limits::TRIES {
            *tries += 1;
            *asked = now;
            return Resolution::Stale(mac);
        }
        self.ask(now, neighbour);
        Resolution::Unknown
    }

    /// Begins to ask for `neighbour`, whatever was known of it.
    fn ask(&mut self, now: Instant, neighbour: Neighbour) {
        let next = now + limits::RETRY;
        let state = State::Asking { tries: 1, next };
        let evicted = self.put(Entry { neighbour, state });
        let idle = self.asking == 0 && self.waiting.is_empty();
        self.asking += 1;
        self.due = match evicted {
            // Frames may wait for what was forgotten.
            true => now,
            false if idle => next,
            false => self.due.min(next),
        };
    }

    /// Puts an entry in its place or the least one; whether that was being asked for.
    fn put(&mut self, entry: Entry) -> bool {
        let set = self.set(entry.neighbour);
        let known = set.iter().position(|other| other.neighbour == entry.neighbour);
        let least = || (0..WAYS).min_by_key(|index| set[*index].rank());
        let Some(index) = known.or_else(least) else { return false };
        let asking = set[index].is_asking();
        set[index] = entry;
        self.asking -= usize::from(asking);
        asking
    }

    /// Learns that `neighbour` has `mac`; a stranger's word is taken only if `unasked`.
    pub(crate) fn learn(&mut self, now: Instant, neighbour: Neighbour, mac: Mac, unasked: bool) {
        if unasked || self.entry(neighbour).is_some() {
            let state = State::Known { mac, confirmed: now, tries: 0, asked: Instant::ZERO };
            let asking = self.put(Entry { neighbour, state });
            if asking {
                // What was forgotten may be another neighbour, for which frames wait.
                self.due = now;
            }
        }
    }

    /// The station of `neighbour`, if it is known.
    pub(crate) fn station(&mut self, neighbour: Neighbour) -> Option<Mac> {
        match self.entry(neighbour)?.state {
            State::Known { mac, .. } => Some(mac),
            State::Free | State::Asking { .. } => None,
        }
    }

    /// Keeps a frame until `neighbour` is found; gives it back if too many wait.
    pub(crate) fn hold(&mut self, neighbour: Neighbour, frame: F) -> Option<F> {
        let same = self.waiting.iter().filter(|(other, _)| *other == neighbour).count();
        if self.waiting.len() >= limits::PENDING || same >= limits::PENDING_EACH {
            return Some(frame);
        }
        self.waiting.push_back((neighbour, frame));
        None
    }

    /// The next frame that waits for `neighbour`.
    pub(crate) fn release(&mut self, neighbour: Neighbour) -> Option<F> {
        let index = self.waiting.iter().position(|(other, _)| *other == neighbour)?;
        self.waiting.remove(index).map(|(_, frame)| frame)
    }

    /// The next thing to do at `now`.
    pub(crate) fn work(&mut self, now: Instant) -> Option<Work<F>> {
        if self.deadline().is_none_or(|due| due > now) {
            return None;
        }
        let mut earliest = None;
        for entry in self.sets.as_flattened_mut() {
            let State::Asking { tries, next } = &mut entry.state else { continue };
            if *next > now {
                earliest = Some(earliest.map_or(*next, |other: Instant| other.min(*next)));
            } else if *tries < limits::TRIES {
                *tries += 1;
                *next = now + limits::RETRY;
                return Some(Work::Ask(entry.neighbour));
            } else {
                *entry = Entry::FREE;
                self.asking -= 1;
            }
        }
        for index in 0..self.waiting.len() {
            let neighbour = self.waiting[index].0;
            if !self.entry(neighbour).is_some_and(|entry| entry.is_asking()) {
                return self.waiting.remove(index).map(|(_, frame)| Work::GiveUp(frame));
            }
        }
        if let Some(earliest) = earliest {
            self.due = earliest;
        }
        None
    }

    /// When there may be something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        (self.asking > 0 || !self.waiting.is_empty()).then_some(self.due)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use service_core::Duration;
    use std::vec::Vec;

    const MAC: Mac = [2, 0, 0, 0, 0, 1];

    fn neighbour(last: u32) -> Neighbour {
        Neighbour { port: 1, address: Ipv4Addr::from_bits(0xcb00_7100 + last).into() }
    }

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(100) + Duration::from_millis(millis)
    }

    fn run(neighbours: &mut Neighbours<u32>, now: Instant) -> (usize, Vec<u32>) {
        let (mut asked, mut given_up) = (0, Vec::new());
        while let Some(work) = neighbours.work(now) {
            match work {
                Work::Ask(_) => asked += 1,
                Work::GiveUp(frame) => given_up.push(frame),
            }
        }
        (asked, given_up)
    }

    #[test]
    fn one_that_does_not_answer_is_given_up_with_its_frames() {
        let mut neighbours = Neighbours::new(7);
        assert_eq!(neighbours.deadline(), None);
        assert_eq!(neighbours.resolve(at(0), neighbour(1)), Resolution::Unknown);
        assert_eq!(neighbours.hold(neighbour(1), 10), None);
        assert_eq!(neighbours.resolve(at(500), neighbour(1)), Resolution::Asked);
        assert_eq!(neighbours.hold(neighbour(1), 11), None);
        assert_eq!(run(&mut neighbours, at(999)), (0, vec![]));
        assert_eq!(neighbours.deadline(), Some(at(1000)));
        assert_eq!(run(&mut neighbours, at(1000)), (1, vec![]));
        assert_eq!(run(&mut neighbours, at(2000)), (1, vec![]));
        assert_eq!(run(&mut neighbours, at(2999)), (0, vec![]));
        assert_eq!(run(&mut neighbours, at(3000)), (0, vec![10, 11]));
        assert_eq!(neighbours.deadline(), None);
    }

    #[test]
    fn an_answer_releases_frames_in_order() {
        let mut neighbours = Neighbours::new(7);
        neighbours.resolve(at(0), neighbour(1));
        for frame in 0..10 {
            let held = neighbours.hold(neighbour(1), frame).is_none();
            assert_eq!(held, frame < limits::PENDING_EACH as u32);
        }
        neighbours.learn(at(1), neighbour(1), MAC, false);
        let released: Vec<u32> = core::iter::from_fn(|| neighbours.release(neighbour(1))).collect();
        assert_eq!(released, (0..8).collect::<Vec<_>>());
        assert_eq!(neighbours.resolve(at(2), neighbour(1)), Resolution::Known(MAC));
        assert_eq!(run(&mut neighbours, at(9000)), (0, vec![]));
        assert_eq!(neighbours.deadline(), None);
    }

    #[test]
    fn strangers_are_not_learnt() {
        let mut neighbours = Neighbours::<u32>::new(7);
        neighbours.learn(at(0), neighbour(1), MAC, false);
        assert_eq!(neighbours.resolve(at(0), neighbour(1)), Resolution::Unknown);
        neighbours.learn(at(0), neighbour(2), MAC, true);
        assert_eq!(neighbours.resolve(at(0), neighbour(2)), Resolution::Known(MAC));
    }

    #[test]
    fn an_old_one_is_asked_again_while_it_is_used() {
        let mut neighbours = Neighbours::<u32>::new(7);
        neighbours.learn(at(0), neighbour(1), MAC, true);
        assert_eq!(neighbours.resolve(at(29_999), neighbour(1)), Resolution::Known(MAC));
        assert_eq!(neighbours.resolve(at(30_000), neighbour(1)), Resolution::Stale(MAC));
        assert_eq!(neighbours.resolve(at(30_500), neighbour(1)), Resolution::Known(MAC));
        assert_eq!(neighbours.resolve(at(31_000), neighbour(1)), Resolution::Stale(MAC));
        assert_eq!(neighbours.resolve(at(32_000), neighbour(1)), Resolution::Stale(MAC));
        assert_eq!(neighbours.resolve(at(32_900), neighbour(1)), Resolution::Known(MAC));
        assert_eq!(neighbours.resolve(at(33_000), neighbour(1)), Resolution::Unknown);
        assert_eq!(neighbours.resolve(at(33_001), neighbour(1)), Resolution::Asked);
        neighbours.learn(at(33_002), neighbour(1), MAC, false);
        assert_eq!(neighbours.resolve(at(63_001), neighbour(1)), Resolution::Known(MAC));
    }

    #[test]
    fn a_scan_costs_its_own_places_only() {
        let mut neighbours = Neighbours::new(7);
        for last in 0..100 {
            neighbours.learn(at(0), neighbour(last), MAC, true);
        }
        let known = |neighbours: &mut Neighbours<u32>| {
            (0..100)
                .filter(|last| {
                    neighbours.entry(neighbour(*last)).is_some_and(|entry| !entry.is_asking())
                })
                .count()
        };
        let before = known(&mut neighbours);
        assert!(before > 95, "{before}");
        let mut kept = 0;
        for last in 1000..50_000 {
            let now = at(u64::from(last) / 100);
            if neighbours.resolve(now, neighbour(last)) == Resolution::Unknown {
                kept += usize::from(neighbours.hold(neighbour(last), last).is_none());
            }
            let (asked, given_up) = run(&mut neighbours, now);
            assert!(asked <= limits::NEIGHBOURS);
            kept -= given_up.len();
            assert!(kept <= limits::PENDING);
        }
        // Some may have gone where a set had no place that was asked for.
        assert!(known(&mut neighbours) + 5 > before);
        for later in [60_000, 70_000, 80_000] {
            kept -= run(&mut neighbours, at(later)).1.len();
        }
        assert_eq!((kept, neighbours.deadline()), (0, None));
    }
}
