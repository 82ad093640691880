//! What a server refuses to begin with, and whom it holds to their rate.

use std::net::Ipv4Addr;

use domain::base::Message;
use domain::base::iana::Rtype;
use service_config::{Dns, RecordData};
use service_core::Instant;
use service_dns::{Counters, Server};

use crate::{dns, query, zone};

#[test]
fn zones_that_contradict_themselves_are_refused() {
    let a = || RecordData::A(Ipv4Addr::new(203, 0, 113, 1));
    let alias = || RecordData::Cname("www.poc.example".into());
    let table = [
        (vec![zone("poc.example", vec![("www.other.test", a())])], "www.other.test: not in"),
        (vec![zone("poc.example", vec![("example", a())])], "example: not in"),
        (vec![zone("a..b", vec![])], "a..b: not a domain name"),
        (vec![zone("a", vec![]), zone("A", vec![])], "A: two zones"),
        (vec![zone("a", vec![("x.a", a()), ("x.a", alias())])], "x.a: an alias"),
        (vec![zone("a", vec![("x.a", alias()), ("x.a", alias())])], "x.a: an alias"),
        (vec![zone("a", vec![("a", alias())])], "a: an alias"),
    ];
    for (zones, expected) in table {
        let error = Server::new(&Dns { port: 53, rate_limit: None, zones })
            .expect_err(expected)
            .to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_client_over_its_rate_is_sent_to_tcp() {
    let server = Server::new(&Dns { rate_limit: Some(5), ..dns() }).expect("valid zones");
    let mut counters = Counters::default();
    let mut out = vec![0; 65535];
    let query = query("many.poc.example", Rtype::A, Some(1232));
    let mut ask = |client: &str, query: &[u8]| {
        let client = client.parse().expect("an address");
        let now = Instant::from_micros(7);
        let length = server.answer_datagram(&mut counters, client, now, query, &mut out)?;
        let response = Message::from_octets(out[..length].to_vec()).expect("a message");
        Some((length, response.header().tc(), response.header_counts().ancount()))
    };
    let whole = (0..5).map(|_| ask("192.0.2.7", &query)).collect::<Vec<_>>();
    assert!(whole.iter().all(|one| *one == whole[0]) && whole[0].is_some());
    let truncated = ask("192.0.2.8", &query).expect("every second is answered");
    assert!(truncated.0 <= query.len() && truncated.1 && truncated.2 == 0);
    assert_eq!(ask("192.0.2.9", &query), None);
    assert_eq!(ask("192.0.2.9", &[0; 12]), None, "nothing is said to nonsense");
    assert_eq!(ask("192.0.3.1", &query), whole[0], "others are answered");
    assert_eq!((counters.rate_truncated, counters.rate_dropped), (1, 1));
    assert_eq!((counters.queries, counters.ignored), (7, 1));
}
