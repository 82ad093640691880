//! When counters are worth a line.

use service_core::{Counters, Duration, Instant, total};

/// The least time between two lines of counters.
const INTERVAL: Duration = Duration::from_secs(1);

/// Decides when to write the counters: when they changed, at most once a second, and never again
/// once traffic has stopped and the last change was written.
#[derive(Clone, Debug, Default)]
pub struct Report {
    written: u64,
    next: Instant,
}

impl Report {
    /// Nothing was written yet.
    pub const fn new() -> Self {
        Self { written: 0, next: Instant::ZERO }
    }

    /// Whether to write `counters` now.
    ///
    /// Looks at the counters only when a line would be allowed, so it may be asked at every turn
    /// of a serving loop.
    pub fn due(&mut self, now: Instant, counters: &dyn Counters) -> bool {
        if now < self.next {
            return false;
        }
        let seen = total(counters);
        let due = seen != self.written;
        if due {
            self.written = seen;
            self.next = now + INTERVAL;
        }
        due
    }

    /// When to ask again, before the node sleeps; `None` when there is nothing to write.
    pub fn deadline(&self, counters: &dyn Counters) -> Option<Instant> {
        (total(counters) != self.written).then_some(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use service_core::CounterName;

    struct One(u64);

    impl Counters for One {
        fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64)) {
            visit(CounterName::fixed("one"), self.0);
        }
    }

    #[test]
    fn a_change_is_written_once_and_then_there_is_silence() {
        let mut report = Report::new();
        let at = |millis| Instant::ZERO + Duration::from_millis(millis);
        assert!(!report.due(at(5), &One(0)));
        assert_eq!(report.deadline(&One(0)), None);
        assert!(report.due(at(10), &One(1)));
        assert!(!report.due(at(500), &One(2)));
        assert_eq!(report.deadline(&One(2)), Some(at(1010)));
        assert!(report.due(at(1010), &One(2)));
        assert_eq!(report.deadline(&One(2)), None);
        assert!(!report.due(at(9000), &One(2)));
    }
}
