//! What a scraper sees, and what everybody else does.

use service_config::NodeConfig;
use service_core::{CounterName, Counters, Duration, Instant, Session};
use service_metrics::{Connection, Page};

struct Counts(u64);

impl Counters for Counts {
    fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64)) {
        visit(CounterName::fixed("http_requests"), self.0);
        visit(CounterName::of("rule.", "web-in"), 7);
        visit(CounterName::of("rule.", "a\"b\\c"), 8);
    }
}

const NOW: Instant = Instant::from_micros(12_034_567);

fn page() -> Page {
    let config = NodeConfig::parse(
        br#"{"version":1,"topology":"poc","node":"web","kind":"web","interfaces":[],"routes":[],
        "metrics":{"port":9100,"from":["198.51.100.0/24","2001:db8:9::/64"]},
        "web":{"port":80,"resources":[]}}"#,
    )
    .expect("a valid document");
    Page::new(&config, config.metrics.as_ref().expect("metrics"))
}

/// What is answered to a request, sent whole and in single bytes.
fn ask(request: &str) -> String {
    let page = page();
    let talk = |size: usize| {
        let mut connection = Connection::<Counts>::open(&mut Counts(0), NOW);
        let mut output = Vec::new();
        for piece in request.as_bytes().chunks(size) {
            assert_eq!(connection.receive(&page, &mut Counts(42), NOW, piece), piece.len());
        }
        while !connection.transmit(&page).is_empty() {
            let taken = connection.transmit(&page).len().min(100);
            output.extend_from_slice(&connection.transmit(&page)[..taken]);
            connection.sent(&page, NOW, taken);
        }
        assert_eq!(connection.close_after_flush(), !output.is_empty());
        String::from_utf8(output).expect("text")
    };
    let whole = talk(request.len());
    assert_eq!(talk(1), whole, "{request:?} in single bytes");
    whole
}

#[test]
fn counters_are_a_page_that_prometheus_reads() {
    let response = ask("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
    let (head, text) = response.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4;"));
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", text.len())));
    assert!(head.ends_with("\r\nConnection: close"));
    let expected = r#"# TYPE topology_node_info gauge
topology_node_info{node="web",kind="web",topology="poc"} 1
# TYPE topology_uptime_seconds gauge
topology_uptime_seconds 12.034
# TYPE topology_http_requests_total counter
topology_http_requests_total 42
# TYPE topology_rule_total counter
topology_rule_total{name="web-in"} 7
topology_rule_total{name="a\"b\\c"} 8
"#;
    assert_eq!(text, expected);
    let head_only = ask("HEAD /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(head_only, format!("{head}\r\n\r\n"));
}

#[test]
fn one_request_is_answered_and_only_for_the_page() {
    for (request, status) in [
        ("GET /metrics?x HTTP/1.0\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab", "405"),
        ("GET  /metrics HTTP/1.1\r\n\r\n", "400"),
        ("GET /metrics HTTP/2\r\n\r\n", "400"),
        ("GET /metrics HTTP/1.1 x\r\n\r\n", "400"),
        ("GET /metrics\r\n\r\n", "400"),
        ("nonsense\r\n\r\n", "400"),
        ("\r\n\r\n", "400"),
    ] {
        let response = ask(request);
        assert_eq!(response.get(9..12), Some(status), "{request:?}");
    }
    let twice = ask(&"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n".repeat(2));
    assert_eq!(twice.matches("HTTP/1.1 200").count(), 1);
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(9000));
    assert_eq!(ask(&long).get(9..12), Some("431"));
}

#[test]
fn only_the_declared_sources_are_admitted() {
    let page = page();
    for (client, expected) in [
        ("198.51.100.9", true),
        ("198.51.101.9", false),
        ("2001:db8:9::1", true),
        ("2001:db8:8::1", false),
    ] {
        let client = client.parse().expect("an address");
        assert_eq!(Connection::<Counts>::admits(&page, client), expected, "{client}");
    }
}

#[test]
fn a_client_that_says_nothing_is_given_up() {
    let mut connection = Connection::<Counts>::open(&mut Counts(0), NOW);
    let deadline = connection.deadline();
    assert!(deadline > NOW && deadline <= NOW + Duration::from_secs(10));
    connection.receive(&page(), &mut Counts(0), NOW + Duration::from_secs(5), b"GET ");
    assert_eq!(connection.deadline(), deadline, "a slow head does not move it");
}
