//! A token bucket.

use crate::{Duration, Instant};

/// Lets `rate` events a second through on average, and `burst` at once.
#[derive(Clone, Debug)]
pub struct RateLimit {
    interval: Duration,
    depth: Duration,
    /// When the bucket would be full again; later than now by what has been spent.
    full_at: Instant,
}

impl RateLimit {
    /// A limit of `rate` events a second (at least 1) with bursts of `burst` (at least 1).
    pub const fn new(rate: u32, burst: u32) -> Self {
        let interval = 1_000_000 / if rate == 0 { 1 } else { rate as u64 };
        let burst = if burst == 0 { 1 } else { burst as u64 };
        Self {
            interval: Duration::from_micros(interval),
            depth: Duration::from_micros(interval * burst),
            full_at: Instant::ZERO,
        }
    }

    /// Whether one more event may pass at `now`; counts it if so.
    pub fn allow(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + self.interval;
        let allowed = full_at.since(now) <= self.depth;
        if allowed {
            self.full_at = full_at;
        }
        allowed
    }

    /// How long until all that was taken has come back.
    pub const fn spent(&self, now: Instant) -> Duration {
        self.full_at.since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut limit = RateLimit::new(10, 20);
        let start = Instant::from_micros(77);
        assert_eq!((0..100).filter(|_| limit.allow(start)).count(), 20);
        assert!(!limit.allow(start + Duration::from_millis(99)));
        assert!(limit.allow(start + Duration::from_millis(100)));
        assert!(!limit.allow(start + Duration::from_millis(100)));
        let later = start + Duration::from_secs(60);
        assert_eq!((0..100).filter(|_| limit.allow(later)).count(), 20);
    }

    #[test]
    fn a_long_run_keeps_to_the_rate() {
        let mut limit = RateLimit::new(10, 20);
        let passed = (0..10_000u64)
            .filter(|millis| limit.allow(Instant::ZERO + Duration::from_millis(*millis)))
            .count();
        assert!((115..=121).contains(&passed), "{passed}");
    }
}
