//! Prints what each service costs by itself, in nanoseconds an operation: no sockets, no driver.
//!
//! `cargo run --release -p service-bench`; figures only, nothing is asserted about time.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Instant as Clock;

use service_config::{Action, NodeConfig, Rule};
use service_core::{Instant, Session};
use service_dns::{Server, Transport, UDP_PAYLOAD};
use service_filter::{Filter, Verdict};
use service_route::Forwarder;
use service_web::{Connection, Site};

use service_bench::packets::{self, Pool};

mod scale;

/// How often each operation is done in one run, and how many runs there are.
const OPERATIONS: u32 = 200_000;
const RUNS: u32 = 7;

fn measure(name: &str, operation: impl FnMut(u32)) {
    measure_some(name, OPERATIONS, operation);
}

/// Prints the least and the median of several runs, in nanoseconds an operation; returns the
/// median.
fn measure_some(name: &str, operations: u32, mut operation: impl FnMut(u32)) -> f64 {
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Clock::now();
            (0..operations).for_each(&mut operation);
            start.elapsed().as_nanos() as f64 / f64::from(operations)
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    let median = runs[runs.len() / 2];
    println!("{name:<44} {:>8.1} {median:>8.1}", runs[0]);
    median
}

fn document(node: &str) -> NodeConfig {
    let text = match node {
        "web" => include_str!("../../config/tests/documents/web.json"),
        "dns" => include_str!("../../config/tests/documents/dns.json"),
        "router" => include_str!("../../config/tests/documents/router.json"),
        _ => include_str!("../../config/tests/documents/firewall.json"),
    };
    NodeConfig::parse(text.as_bytes()).expect("a valid document")
}

fn web() {
    let site =
        Site::new(document("web").web.expect("a web node").resources).expect("valid resources");
    let short = "GET / HTTP/1.1\r\nHost: www.poc.example\r\n\r\n";
    let browser = concat!(
        "GET /api/node?x=1 HTTP/1.1\r\nHost: www.poc.example\r\nConnection: keep-alive\r\n",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n",
        "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n",
        "If-None-Match: \"an-old-tag\"\r\n\r\n"
    );
    for (name, request) in [("web: request of wrk", short), ("web: request of a browser", browser)]
    {
        let mut counters = service_web::Counters::default();
        let mut connection = Connection::open(&mut counters, Instant::ZERO);
        measure(name, |_| {
            let request = black_box(request.as_bytes());
            connection.receive(&site, &mut counters, Instant::ZERO, request);
            let length = black_box(connection.transmit(&site)).len();
            connection.sent(&site, Instant::ZERO, length);
        });
        assert_eq!(counters.success, u64::from(OPERATIONS * RUNS));
    }
}

fn dns() {
    let server = Server::new(&document("dns").dns.expect("a DNS node")).expect("valid zones");
    for (name, labels, edns) in [
        ("dns: A", &["www", "poc", "example"][..], false),
        ("dns: A with EDNS", &["www", "poc", "example"], true),
        ("dns: A along an alias", &["alias", "poc", "example"], true),
        ("dns: no such name", &["absent", "poc", "example"], true),
        ("dns: not our name", &["www", "elsewhere", "test"], true),
    ] {
        let query = packets::query(labels, edns);
        let mut counters = service_dns::Counters::default();
        let mut out = [0; UDP_PAYLOAD];
        measure(name, |_| {
            let query = black_box(query.as_slice());
            black_box(server.answer(&mut counters, Transport::Udp, query, &mut out));
        });
        assert_eq!(counters.answers_udp, u64::from(OPERATIONS * RUNS));
    }
}

/// The policy of the firewall behind rules that do not match, ten in all.
fn ten_rules() -> NodeConfig {
    let mut config = document("firewall");
    let policy = config.filter.as_mut().expect("a policy");
    for index in policy.rules.len()..10 {
        let name = format!("other-{index}");
        let mut rule = Rule { name, action: Action::Permit, ..policy.rules[1].clone() };
        rule.matches[0].ports = vec![(8000 + index as u16, 9000)];
        policy.rules.insert(0, rule);
    }
    config
}

fn filter() {
    let config = ten_rules();
    let policy = config.filter.expect("a policy");
    let new = || Filter::new(&policy, &config.interfaces, 42).expect("it fits");
    let now = Instant::from_micros(1);
    let mut filter = new();
    let syn = packets::tcp(1, 80, packets::SYN);
    filter.check(now, 0, Some(1), &syn, syn.len());
    let accepted = packets::back(packets::tcp(1, 80, packets::SYN | packets::ACK));
    let accepted = packets::numbered(accepted, 0, 1);
    filter.check(now, 1, Some(0), &accepted, accepted.len());
    let segment = packets::numbered(packets::tcp(1, 80, packets::ACK), 1, 1);
    measure("filter: established, 10 rules", |_| {
        let verdict = filter.check(now, 0, Some(1), black_box(&segment), segment.len());
        assert_eq!(verdict, Verdict::Accept);
    });
    let denied = packets::tcp(1, 81, packets::SYN);
    measure("filter: denied by default after 10 rules", |_| {
        let verdict = filter.check(now, 0, Some(1), black_box(&denied), denied.len());
        assert_ne!(verdict, Verdict::Accept);
    });
    let mut filter = new();
    let mut syn = packets::tcp(1, 80, packets::SYN);
    measure("filter: first packet of a flow, flood", |index| {
        syn[12..16].copy_from_slice(&(0xc000_0200 + (index << 8)).to_be_bytes());
        let now = Instant::from_micros(u64::from(index));
        black_box(filter.check(now, 0, Some(1), &syn, syn.len()));
    });
}

fn route() {
    let now = Instant::from_micros(1);
    for (name, config, port) in [
        ("route: forward", document("router"), 1),
        ("route: forward through the filter, 10 rules", ten_rules(), 0),
    ] {
        let mut forwarder = Forwarder::new(&config, 42).expect("it fits");
        let mut pool = Pool::default();
        pool.introduce(&config, &mut forwarder, now);
        let frame = packets::frame(&config, port, &packets::tcp(1, 80, packets::SYN));
        let mut owned = frame.clone();
        let before = pool.sent;
        measure(name, |_| {
            // A driver would have read a new frame into the buffer.
            owned[..frame.len()].copy_from_slice(&frame);
            let taken = core::mem::take(&mut owned);
            forwarder.receive(now, port, packets::Buffer(taken), &mut pool);
            owned = pool.back.take().map(|buffer| buffer.0).unwrap_or_default();
        });
        assert_eq!(pool.sent - before, u64::from(OPERATIONS * RUNS));
    }
}

fn main() {
    println!("{:<44} {:>8} {:>8}", "nanoseconds an operation", "least", "median");
    web();
    dns();
    filter();
    route();
    scale::rules();
    scale::routes();
    for node in ["web", "dns", "firewall"] {
        let name = format!("config: read the document of {node}");
        measure_some(&name, OPERATIONS / 100, |_| {
            black_box(document(node));
        });
    }
}
