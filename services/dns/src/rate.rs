//! Response-rate limiting: what a spoofed source can make this server send to its victim is bounded.
//!
//! Every prefix of clients has a token bucket, as in BIND, NSD and Knot DNS. Beyond its rate, every
//! second response is replaced by one that is truncated and no longer than its query: a client
//! that is real asks again over TCP, whose handshake cannot be spoofed. The others are dropped.

use alloc::boxed::Box;
use alloc::vec;
use core::net::IpAddr;

use service_core::{Instant, RateLimit};

/// Buckets that a prefix may have, and sets of these: memory is bounded, whoever is spoofed.
const WAYS: usize = 4;
const SETS: usize = 256;

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Send,
    Truncate,
    Drop,
}

/// The buckets of all prefixes.
#[derive(Debug)]
pub(crate) struct Limits {
    /// A bucket that nothing was taken from.
    full: RateLimit,
    buckets: Box<[Bucket]>,
}

#[derive(Clone, Debug)]
struct Bucket {
    prefix: Prefix,
    limit: RateLimit,
    /// Whether the next response beyond the limit is truncated.
    slip: bool,
}

impl Limits {
    /// `rate` responses a second to each prefix, and as many at once.
    pub(crate) fn new(rate: u32) -> Self {
        let full = RateLimit::new(rate, rate);
        let unused = Bucket { prefix: Prefix(0), limit: full.clone(), slip: true };
        Self { full, buckets: vec![unused; WAYS * SETS].into() }
    }

    /// Counts a response to `client`, and says what becomes of it.
    pub(crate) fn judge(&mut self, client: IpAddr, now: Instant) -> Verdict {
        let prefix = Prefix::of(client);
        let start = prefix.set() * WAYS;
        let set = &mut self.buckets[start..start + WAYS];
        let at = set.iter().position(|bucket| bucket.prefix == prefix).unwrap_or_else(|| {
            // The bucket that has the least to forget makes room.
            let spent = |at: &usize| set[*at].limit.spent(now);
            let at = (0..WAYS).min_by_key(spent).unwrap_or(0);
            set[at] = Bucket { prefix, limit: self.full.clone(), slip: true };
            at
        });
        let bucket = &mut set[at];
        if bucket.limit.allow(now) {
            return Verdict::Send;
        }
        bucket.slip = !bucket.slip;
        if bucket.slip { Verdict::Drop } else { Verdict::Truncate }
    }
}

/// Clients that are judged together: an IPv4 /24 or an IPv6 /56, what one of them can likely spoof
/// or own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Prefix(u64);

impl Prefix {
    fn of(client: IpAddr) -> Self {
        Self(match client {
            IpAddr::V4(address) => 1 << 63 | u64::from(address.to_bits() >> 8),
            IpAddr::V6(address) => (address.to_bits() >> 72) as u64,
        })
    }

    /// Fibonacci hashing. Nothing is gained by prefixes that collide: who can spoof a neighbour in
    /// the table can spoof the victim itself.
    fn set(self) -> usize {
        (self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % SETS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use service_core::Duration;

    const START: Instant = Instant::from_micros(1_000_000);

    fn judge_all(limits: &mut Limits, client: &str, count: usize, at: Instant) -> [usize; 3] {
        let mut verdicts = [0; 3];
        for _ in 0..count {
            verdicts[limits.judge(client.parse().expect("an address"), at) as usize] += 1;
        }
        verdicts
    }

    #[test]
    fn beyond_the_rate_every_second_response_is_truncated() {
        let mut limits = Limits::new(10);
        assert_eq!(judge_all(&mut limits, "192.0.2.1", 30, START), [10, 10, 10]);
        assert_eq!(judge_all(&mut limits, "192.0.2.1", 1, START)[Verdict::Truncate as usize], 1);
        let later = START + Duration::from_secs(1);
        assert_eq!(judge_all(&mut limits, "192.0.2.1", 10, later), [10, 0, 0]);
    }

    #[test]
    fn a_prefix_is_judged_together_and_for_itself() {
        let mut limits = Limits::new(10);
        for (one, neighbour, other) in [
            ("192.0.2.1", "192.0.2.254", "192.0.3.1"),
            ("2001:db8::1", "2001:db8:0:ff::1", "2001:db8:0:100::1"),
        ] {
            assert_eq!(judge_all(&mut limits, one, 10, START), [10, 0, 0], "{one}");
            assert_eq!(judge_all(&mut limits, neighbour, 2, START), [0, 1, 1], "{neighbour}");
            assert_eq!(judge_all(&mut limits, other, 10, START), [10, 0, 0], "{other}");
        }
    }

    #[test]
    fn a_flood_from_everywhere_does_not_free_a_prefix_that_is_over_its_rate() {
        let mut limits = Limits::new(1000);
        assert_eq!(judge_all(&mut limits, "192.0.2.1", 1000, START), [1000, 0, 0]);
        for number in 0..100_000u32 {
            let spoofed = IpAddr::V4((0x0a00_0000 + (number << 8)).into());
            assert_eq!(limits.judge(spoofed, START), Verdict::Send);
        }
        let [sent, truncated, _] = judge_all(&mut limits, "192.0.2.1", 100, START);
        assert_eq!((sent, truncated), (0, 50));
    }
}
