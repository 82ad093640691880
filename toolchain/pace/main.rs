//! Asks a server at a fixed rate, whatever it answers: an open loop.
//!
//!     pace http ADDRESS:PORT PATH CONNECTIONS RATE SECONDS [sleep]
//!     pace dns ADDRESS:PORT FILE SOCKETS RATE SECONDS [sleep]   (FILE: a name and a type a line, as for dnsperf)
//!
//! Request n is due n / RATE seconds after the start. It goes out then, over HTTP as soon as one of the connections is
//! free, and its latency counts from when it was due: a server that stalls delays what is due meanwhile, and that is
//! seen (no coordinated omission). One thread looks at the clock and at the sockets without sleeping, so that what it
//! measures is not rounded by the kernel's timers; it yields its core to whoever wants it. With `sleep` it sleeps in
//! between, for when the machine's processor time is what is looked at, and latencies are not.
//!
//! Only whole answers with status 200 count, and answers that say NOERROR or NXDOMAIN; what failed, or was not answered
//! two seconds after the last was due, has the latency until then. Standard output gets one JSON object; times are in
//! microseconds. `lag` is how late requests went out although they could, which is the fault of this program or of its
//! core.

mod dns;
mod http;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long answers are waited for once the last request was due.
const GRACE: Duration = Duration::from_secs(2);

/// The longest sleep in between.
const NAP: Duration = Duration::from_micros(250);

const USAGE: &str = "usage: pace http ADDRESS:PORT PATH CONNECTIONS RATE SECONDS [sleep]
       pace dns ADDRESS:PORT FILE SOCKETS RATE SECONDS [sleep]
CONNECTIONS, SOCKETS, RATE and SECONDS are more than 0";

struct Plan {
    server: SocketAddr,
    /// Connections or sockets.
    width: usize,
    rate: u64,
    seconds: f64,
    /// Whether it sleeps while there is nothing to do.
    sleeps: bool,
}

/// What came of the requests of a plan; latencies are those of all that were due.
#[derive(Default)]
struct Tally {
    sent: u64,
    answered: u64,
    failed: u64,
    latency: Vec<u32>,
    lag: Vec<u32>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [service, server, what, rest @ ..] = arguments.as_slice() else { return usage() };
    let Some(plan) = Plan::parse(server, rest) else { return usage() };
    let done = match service.as_str() {
        "http" => http::run(&plan, what),
        "dns" => dns::questions(what).and_then(|questions| dns::run(&plan, &questions)),
        _ => return usage(),
    };
    match done {
        Ok((tally, seconds)) => {
            println!("{}", tally.json(plan.total(), seconds));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{server}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(64)
}

impl Plan {
    fn parse(server: &str, rest: &[String]) -> Option<Self> {
        let (sleeps, [width, rate, seconds]) = (match rest {
            [rest @ .., last] if last == "sleep" => (true, rest),
            _ => (false, rest),
        }) else {
            return None;
        };
        let plan = Self {
            server: server.parse().ok()?,
            width: width.parse().ok()?,
            rate: rate.parse().ok()?,
            seconds: seconds.parse().ok()?,
            sleeps,
        };
        (plan.width > 0 && plan.rate > 0 && plan.seconds > 0.0).then_some(plan)
    }

    /// How many requests are due in all.
    fn total(&self) -> u64 {
        (self.rate as f64 * self.seconds) as u64
    }

    /// Waits a moment, not beyond when the next request is due.
    fn wait(&self, next: Instant) {
        if self.sleeps {
            std::thread::sleep(next.saturating_duration_since(Instant::now()).min(NAP));
        } else {
            std::thread::yield_now();
        }
    }

    /// When a request is due.
    fn due(&self, start: Instant, number: u64) -> Instant {
        start + Duration::from_nanos((number as u128 * 1_000_000_000 / self.rate as u128) as u64)
    }
}

impl Tally {
    fn failed(&mut self, latency: Duration) {
        self.failed += 1;
        self.latency.push(micros(latency));
    }

    fn json(mut self, due: u64, seconds: f64) -> String {
        format!(
            "{{\"due\": {due}, \"sent\": {}, \"answered\": {}, \"failed\": {}, \"seconds\": {seconds:.6}, \
             \"latency\": {}, \"lag\": {}}}",
            self.sent,
            self.answered,
            self.failed,
            shares(&mut self.latency),
            shares(&mut self.lag),
        )
    }
}

/// The least value that each share of the values does not exceed, and the largest.
fn shares(values: &mut [u32]) -> String {
    values.sort_unstable();
    let Some(most) = values.last() else { return "{}".to_owned() };
    let at = |thousandths: usize| values[(thousandths * values.len()).div_ceil(1000) - 1];
    let (p50, p90, p99, p999) = (at(500), at(900), at(990), at(999));
    format!(
        "{{\"p50\": {p50}, \"p90\": {p90}, \"p99\": {p99}, \"p99.9\": {p999}, \"max\": {most}}}"
    )
}

fn micros(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_whether_it_sleeps() {
        let parsed = |text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            Plan::parse("127.0.0.1:80", &words).map(|plan| (plan.rate, plan.sleeps))
        };
        assert_eq!(parsed("1 100 2"), Some((100, false)));
        assert_eq!(parsed("1 100 2 sleep"), Some((100, true)));
        assert_eq!(
            (parsed("1 100 2 doze"), parsed("1 100 sleep"), parsed("sleep")),
            (None, None, None)
        );
    }

    #[test]
    fn shares_are_of_ordered_values() {
        let mut values: Vec<u32> = (1..=1000).rev().collect();
        assert_eq!(
            shares(&mut values),
            r#"{"p50": 500, "p90": 900, "p99": 990, "p99.9": 999, "max": 1000}"#
        );
        assert_eq!(shares(&mut []), "{}");
    }
}
