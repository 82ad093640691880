//! When counters are worth a line.

use service_core::{Counters, Duration, Instant, total};

/// The least time between two lines of counters that changed.
const INTERVAL: Duration = Duration::from_secs(1);
/// The least time between two answers.
const BREATH: Duration = Duration::from_millis(100);

/// Why counters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// They changed.
    Changed,
    /// Somebody asked.
    Asked,
}

/// Decides when to write the counters: when they changed, at most once a second, and never again
/// once traffic has stopped and the last change was written; besides, when somebody asks, at most
/// ten times a second.
#[derive(Clone, Debug, Default)]
pub struct Report {
    written: u64,
    next: Instant,
    asked: bool,
    answer: Instant,
}

impl Report {
    /// Nothing was written yet.
    pub const fn new() -> Self {
        Self { written: 0, next: Instant::ZERO, asked: false, answer: Instant::ZERO }
    }

    /// Somebody wants to see the counters, changed or not. To ask again before the answer is to ask
    /// once.
    pub fn ask(&mut self) {
        self.asked = true;
    }

    /// When who asked is to be answered, if somebody did.
    pub fn answer(&self) -> Option<Instant> {
        self.asked.then_some(self.answer)
    }

    /// Whether to write `counters` now, and why.
    ///
    /// Looks at the counters only when a line would be allowed, so it may be asked at every turn
    /// of a serving loop.
    pub fn due(&mut self, now: Instant, counters: &dyn Counters) -> Option<Why> {
        let asked = self.asked && now >= self.answer;
        if !asked && now < self.next {
            return None;
        }
        let seen = total(counters);
        if !asked && seen == self.written {
            return None;
        }
        self.written = seen;
        self.next = now + INTERVAL;
        if asked {
            self.asked = false;
            self.answer = now + BREATH;
            return Some(Why::Asked);
        }
        Some(Why::Changed)
    }

    /// When to ask again, before the node sleeps; `None` when there is nothing to write.
    pub fn deadline(&self, counters: &dyn Counters) -> Option<Instant> {
        let change = (total(counters) != self.written).then_some(self.next);
        self.answer().into_iter().chain(change).min()
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
        assert_eq!(report.due(at(5), &One(0)), None);
        assert_eq!(report.deadline(&One(0)), None);
        assert_eq!(report.due(at(10), &One(1)), Some(Why::Changed));
        assert_eq!(report.due(at(500), &One(2)), None);
        assert_eq!(report.deadline(&One(2)), Some(at(1010)));
        assert_eq!(report.due(at(1010), &One(2)), Some(Why::Changed));
        assert_eq!(report.deadline(&One(2)), None);
        assert_eq!(report.due(at(9000), &One(2)), None);
    }

    #[test]
    fn who_asks_is_answered_though_nothing_changed_and_not_without_end() {
        let mut report = Report::new();
        let at = |millis| Instant::ZERO + Duration::from_millis(millis);
        report.ask();
        assert_eq!(report.deadline(&One(0)), Some(at(0)));
        assert_eq!(report.due(at(5), &One(0)), Some(Why::Asked));
        assert_eq!(report.deadline(&One(0)), None);
        for _ in 0..1000 {
            report.ask();
            assert_eq!(report.due(at(6), &One(0)), None);
        }
        assert_eq!(report.deadline(&One(0)), Some(at(105)));
        assert_eq!(report.due(at(105), &One(0)), Some(Why::Asked));
        assert_eq!(report.due(at(9000), &One(0)), None);
    }

    #[test]
    fn an_answer_is_no_second_line_for_what_changed() {
        let mut report = Report::new();
        let at = |millis| Instant::ZERO + Duration::from_millis(millis);
        assert_eq!(report.due(at(10), &One(1)), Some(Why::Changed));
        report.ask();
        assert_eq!(report.due(at(200), &One(2)), Some(Why::Asked));
        assert_eq!(report.deadline(&One(2)), None);
        assert_eq!(report.deadline(&One(3)), Some(at(1200)));
    }
}
