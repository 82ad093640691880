//! What clients are told: queries are built and responses read by the same library that the
//! server uses, and by hand where it would not build what an attacker sends.

mod server;

use std::net::{Ipv4Addr, Ipv6Addr};

use domain::base::iana::{Class, Opcode, OptRcode, Rcode, Rtype};
use domain::base::{Message, MessageBuilder, Name, ParsedRecord};
use domain::rdata::{A, Aaaa, Cname, Ns, Ptr, Soa, Txt};
use proptest::prelude::*;
use service_config::{Dns, Record, RecordData, Zone};
use service_core::{Instant, Session};
use service_dns::{Connection, Counters, Server, Transport, UDP_PAYLOAD};

fn soa() -> service_config::Soa {
    service_config::Soa {
        primary: "ns1.poc.example".into(),
        mailbox: "hostmaster.poc.example".into(),
        serial: 1,
        refresh: 3600,
        retry: 600,
        expire: 604_800,
        minimum: 60,
    }
}

fn zone(origin: &str, records: Vec<(&str, RecordData)>) -> Zone {
    let record = |(name, data): (&str, RecordData)| Record { name: name.into(), ttl: 300, data };
    let records = records.into_iter().map(record).collect();
    Zone { origin: origin.into(), ttl: 300, soa: soa(), records }
}

fn dns() -> Dns {
    let a = |last| RecordData::A(Ipv4Addr::new(203, 0, 113, last));
    let aaaa = |last| RecordData::Aaaa(Ipv6Addr::new(0x2001, 0xdb8, 3, 0, 0, 0, 0, last));
    let ns = |name: &str| RecordData::Ns(name.into());
    let alias = |name: &str| RecordData::Cname(name.into());
    let mut records = vec![
        ("poc.example", ns("ns1.poc.example")),
        ("poc.example", RecordData::Txt("x".repeat(300))),
        ("ns1.poc.example", a(53)),
        ("ns1.poc.example", aaaa(0x53)),
        ("www.poc.example", a(80)),
        ("www.poc.example", aaaa(0x80)),
        ("alias.poc.example", alias("WWW.poc.example")),
        ("first.poc.example", alias("second.poc.example")),
        ("second.poc.example", alias("gone.poc.example")),
        ("loop.poc.example", alias("loop.poc.example")),
        ("out.poc.example", alias("elsewhere.test")),
        ("a.deep.poc.example", a(1)),
        ("*.wild.poc.example", a(9)),
        ("sub.poc.example", ns("ns.sub.poc.example")),
        ("sub.poc.example", ns("ns.other.test")),
        ("ns.sub.poc.example", a(99)),
        ("own.poc.example", ns("ns1.poc.example")),
    ];
    for last in 0..100 {
        records.push(("many.poc.example", a(last)));
    }
    let reverse = vec![
        ("113.0.203.in-addr.arpa", ns("ns1.poc.example")),
        ("80.113.0.203.in-addr.arpa", RecordData::Ptr("www.poc.example".into())),
    ];
    let zones = vec![
        zone("poc.example", records),
        zone("own.poc.example", vec![("x.own.poc.example", a(7))]),
        zone("113.0.203.in-addr.arpa", reverse),
    ];
    Dns { port: 53, rate_limit: None, zones }
}

fn server() -> Server {
    Server::new(&dns()).expect("valid zones")
}

fn query(name: &str, rtype: Rtype, payload: Option<u16>) -> Vec<u8> {
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(0x1234);
    builder.header_mut().set_rd(true);
    let mut question = builder.question();
    question.push((name.parse::<Name<Vec<u8>>>().expect("a name"), rtype)).expect("fits");
    let mut additional = question.additional();
    if let Some(payload) = payload {
        additional
            .opt(|opt| {
                opt.set_udp_payload_size(payload);
                opt.set_dnssec_ok(true);
                Ok(())
            })
            .expect("fits");
    }
    additional.finish()
}

fn answer(transport: Transport, query: &[u8]) -> Message<Vec<u8>> {
    let mut out = vec![0; 65535];
    let mut counters = Counters::default();
    let length = server().answer(&mut counters, transport, query, &mut out).expect("an answer");
    out.truncate(length);
    assert_eq!(counters.queries, 1);
    let message = Message::from_octets(out).expect("a message");
    assert!(message.header().qr() && !message.header().ra());
    assert_eq!(message.header().id(), 0x1234);
    message
}

fn ask(name: &str, rtype: Rtype) -> Message<Vec<u8>> {
    answer(Transport::Udp, &query(name, rtype, Some(4096)))
}

/// One line a record: section, owner, type and data.
fn lines(message: &Message<Vec<u8>>) -> Vec<String> {
    let (_, answer, authority, additional) = message.sections().expect("sections");
    let mut lines = Vec::new();
    for (name, section) in [("an", answer), ("au", authority), ("ad", additional)] {
        for record in section {
            let record = record.expect("a record");
            if record.rtype() != Rtype::OPT {
                lines.push(format!("{name} {}", line(&record)));
            }
        }
    }
    lines
}

fn line(record: &ParsedRecord<'_, Vec<u8>>) -> String {
    let ttl = record.ttl().as_secs();
    let start = format!("{} {ttl} {}", record.owner(), record.rtype());
    macro_rules! data {
        ($type:ty) => {
            record.to_record::<$type>().expect("data").expect("of the type").data().clone()
        };
    }
    match record.rtype() {
        Rtype::A => format!("{start} {}", data!(A)),
        Rtype::AAAA => format!("{start} {}", data!(Aaaa)),
        Rtype::NS => format!("{start} {}", data!(Ns<_>).nsdname()),
        Rtype::PTR => format!("{start} {}", data!(Ptr<_>).ptrdname()),
        Rtype::CNAME => format!("{start} {}", data!(Cname<_>).cname()),
        Rtype::TXT => {
            let txt = data!(Txt<_>);
            let lengths: Vec<usize> = txt.iter().map(<[u8]>::len).collect();
            format!("{start} {lengths:?}")
        }
        Rtype::SOA => {
            let soa = data!(Soa<_>);
            format!("{start} {} {}", soa.mname(), soa.serial())
        }
        other => panic!("unexpected {other}"),
    }
}

const SOA: &str = "au poc.example 60 SOA ns1.poc.example 1";

#[test]
fn names_are_answered_as_the_rfcs_ask() {
    let www = "an www.poc.example 300 A 203.0.113.80";
    let glue =
        ["ad ns1.poc.example 300 A 203.0.113.53", "ad ns1.poc.example 300 AAAA 2001:db8:3::53"];
    let apex = "an poc.example 300 NS ns1.poc.example";
    let table: Vec<(&str, Rtype, Rcode, bool, Vec<&str>)> = vec![
        ("www.poc.example", Rtype::A, Rcode::NOERROR, true, vec![www]),
        (
            "www.poc.example",
            Rtype::AAAA,
            Rcode::NOERROR,
            true,
            vec!["an www.poc.example 300 AAAA 2001:db8:3::80"],
        ),
        ("poc.example", Rtype::NS, Rcode::NOERROR, true, vec![apex, glue[0], glue[1]]),
        (
            "poc.example",
            Rtype::SOA,
            Rcode::NOERROR,
            true,
            vec!["an poc.example 300 SOA ns1.poc.example 1"],
        ),
        ("poc.example", Rtype::TXT, Rcode::NOERROR, true, vec!["an poc.example 300 TXT [255, 45]"]),
        (
            "80.113.0.203.in-addr.arpa",
            Rtype::PTR,
            Rcode::NOERROR,
            true,
            vec!["an 80.113.0.203.in-addr.arpa 300 PTR www.poc.example"],
        ),
        // Negative answers, an empty non-terminal among them.
        ("www.poc.example", Rtype::MX, Rcode::NOERROR, true, vec![SOA]),
        ("deep.poc.example", Rtype::A, Rcode::NOERROR, true, vec![SOA]),
        ("absent.poc.example", Rtype::A, Rcode::NXDOMAIN, true, vec![SOA]),
        ("a.b.c.d.poc.example", Rtype::A, Rcode::NXDOMAIN, true, vec![SOA]),
        (
            "81.113.0.203.in-addr.arpa",
            Rtype::PTR,
            Rcode::NXDOMAIN,
            true,
            vec!["au 113.0.203.in-addr.arpa 60 SOA ns1.poc.example 1"],
        ),
        // Aliases.
        (
            "alias.poc.example",
            Rtype::CNAME,
            Rcode::NOERROR,
            true,
            vec!["an alias.poc.example 300 CNAME WWW.poc.example"],
        ),
        (
            "alias.poc.example",
            Rtype::A,
            Rcode::NOERROR,
            true,
            vec![
                "an alias.poc.example 300 CNAME WWW.poc.example",
                "an WWW.poc.example 300 A 203.0.113.80",
            ],
        ),
        (
            "alias.poc.example",
            Rtype::MX,
            Rcode::NOERROR,
            true,
            vec!["an alias.poc.example 300 CNAME WWW.poc.example", SOA],
        ),
        (
            "first.poc.example",
            Rtype::A,
            Rcode::NXDOMAIN,
            true,
            vec![
                "an first.poc.example 300 CNAME second.poc.example",
                "an second.poc.example 300 CNAME gone.poc.example",
                SOA,
            ],
        ),
        (
            "out.poc.example",
            Rtype::A,
            Rcode::NOERROR,
            true,
            vec!["an out.poc.example 300 CNAME elsewhere.test"],
        ),
        // Wildcards.
        (
            "any.wild.poc.example",
            Rtype::A,
            Rcode::NOERROR,
            true,
            vec!["an any.wild.poc.example 300 A 203.0.113.9"],
        ),
        (
            "x.y.wild.poc.example",
            Rtype::A,
            Rcode::NOERROR,
            true,
            vec!["an x.y.wild.poc.example 300 A 203.0.113.9"],
        ),
        ("any.wild.poc.example", Rtype::TXT, Rcode::NOERROR, true, vec![SOA]),
        ("wild.poc.example", Rtype::A, Rcode::NOERROR, true, vec![SOA]),
        // Delegations, and a child that is served here.
        (
            "x.sub.poc.example",
            Rtype::A,
            Rcode::NOERROR,
            false,
            vec![
                "au sub.poc.example 300 NS ns.sub.poc.example",
                "au sub.poc.example 300 NS ns.other.test",
                "ad ns.sub.poc.example 300 A 203.0.113.99",
            ],
        ),
        (
            "ns.sub.poc.example",
            Rtype::A,
            Rcode::NOERROR,
            false,
            vec![
                "au sub.poc.example 300 NS ns.sub.poc.example",
                "au sub.poc.example 300 NS ns.other.test",
                "ad ns.sub.poc.example 300 A 203.0.113.99",
            ],
        ),
        (
            "x.own.poc.example",
            Rtype::A,
            Rcode::NOERROR,
            true,
            vec!["an x.own.poc.example 300 A 203.0.113.7"],
        ),
        (
            "y.own.poc.example",
            Rtype::A,
            Rcode::NXDOMAIN,
            true,
            vec!["au own.poc.example 60 SOA ns1.poc.example 1"],
        ),
        // What is not ours.
        ("elsewhere.test", Rtype::A, Rcode::REFUSED, false, vec![]),
        ("example", Rtype::A, Rcode::REFUSED, false, vec![]),
        ("poc.example", Rtype::AXFR, Rcode::REFUSED, false, vec![]),
        // RFC 8482.
        ("www.poc.example", Rtype::ANY, Rcode::NOERROR, true, vec![www]),
        ("deep.poc.example", Rtype::ANY, Rcode::NOERROR, true, vec![SOA]),
    ];
    for (name, rtype, rcode, authoritative, expected) in table {
        let message = ask(name, rtype);
        assert_eq!(message.header().rcode(), rcode, "{name} {rtype}");
        assert_eq!(message.header().aa(), authoritative, "{name} {rtype}");
        assert!(!message.header().tc() && message.header().rd());
        assert_eq!(lines(&message), expected, "{name} {rtype}");
        let opt = message.opt().expect("our OPT");
        assert_eq!((opt.udp_payload_size(), opt.version()), (UDP_PAYLOAD as u16, 0));
        assert!(opt.dnssec_ok());
    }
    assert!(lines(&ask("loop.poc.example", Rtype::A)).len() < 12);
}

#[test]
fn the_case_of_the_question_is_kept_and_names_are_compressed() {
    let query = query("wWw.PoC.exAMple", Rtype::A, None);
    let message = answer(Transport::Udp, &query);
    // Header, the question as it was, one record whose owner is a pointer to it.
    assert_eq!(message.as_slice()[12..query.len()], query[12..]);
    assert_eq!(message.as_slice().len(), query.len() + 16);
    assert_eq!(message.as_slice()[query.len()..][..2], [0xc0, 12]);
    assert!(message.opt().is_none());
}

#[test]
fn a_response_fits_its_transport() {
    for (payload, limit) in [(None, 512), (Some(0), 512), (Some(600), 600), (Some(4096), 1232)] {
        let message = answer(Transport::Udp, &query("many.poc.example", Rtype::A, payload));
        assert!(message.header().tc() && message.as_slice().len() <= limit);
        assert_eq!(lines(&message), Vec::<String>::new());
        assert_eq!(message.opt().is_some(), payload.is_some());
    }
    let message = answer(Transport::Tcp, &query("many.poc.example", Rtype::A, None));
    assert!(!message.header().tc());
    assert_eq!(lines(&message).len(), 100);
}

#[test]
fn what_cannot_be_answered_is_refused_by_its_code() {
    let good = query("www.poc.example", Rtype::A, None);
    let edit = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut query = good.clone();
        change(&mut query);
        answer(Transport::Udp, &query).header().rcode()
    };
    assert_eq!(edit(&|query| query.truncate(query.len() - 1)), Rcode::FORMERR);
    assert_eq!(edit(&|query| query[5] = 0), Rcode::FORMERR, "no question");
    assert_eq!(edit(&|query| query[5] = 2), Rcode::FORMERR, "two questions");
    assert_eq!(edit(&|query| query[7] = 1), Rcode::FORMERR, "an answer");
    assert_eq!(edit(&|query| query[11] = 1), Rcode::FORMERR, "an additional that is not there");
    assert_eq!(edit(&|query| query[12] = 0xc0), Rcode::FORMERR, "a compressed question");
    assert_eq!(edit(&|query| query[12] = 64), Rcode::FORMERR, "a label of another kind");
    assert_eq!(edit(&|query| query[2] |= 2), Rcode::FORMERR, "a truncated query");
    let last = good.len() - 1;
    assert_eq!(edit(&|query| query[last] = 3), Rcode::REFUSED, "CHAOS");
    assert_eq!(edit(&|query| query[last] = 255), Rcode::REFUSED, "any class");
    for opcode in [1, 2, 4, 5, 6, 15] {
        let rcode = edit(&|query| query[2] = opcode << 3);
        assert_eq!(rcode, Rcode::NOTIMP);
    }
    let two = {
        let mut two = query("www.poc.example", Rtype::A, Some(1232));
        let opt = two[good.len()..].to_vec();
        two.extend_from_slice(&opt);
        two[11] = 2;
        two
    };
    assert_eq!(answer(Transport::Udp, &two).header().rcode(), Rcode::FORMERR, "two OPTs");
}

#[test]
fn unknown_edns_versions_are_told_ours() {
    let mut query = query("www.poc.example", Rtype::A, Some(1232));
    let version = query.len() - 5;
    query[version] = 1;
    let message = answer(Transport::Udp, &query);
    assert_eq!(message.opt_rcode(), OptRcode::BADVERS);
    assert_eq!(message.opt().expect("our OPT").version(), 0);
    assert!(lines(&message).is_empty());
}

#[test]
fn responses_and_scraps_are_never_answered() {
    let mut response = query("www.poc.example", Rtype::A, None);
    response[2] |= 0x80;
    let (mut counters, mut out) = (Counters::default(), [0; 512]);
    for message in [response.as_slice(), &[], &[0; 11]] {
        assert_eq!(server().answer(&mut counters, Transport::Udp, message, &mut out), None);
    }
    assert_eq!((counters.ignored, counters.queries), (3, 0));
}

#[test]
fn queries_are_found_on_a_stream_however_it_is_cut() {
    let server = server();
    let mut stream = Vec::new();
    let names = ["www.poc.example", "many.poc.example", "absent.poc.example"];
    for name in names.iter().cycle().take(30) {
        let query = query(name, Rtype::A, None);
        stream.extend_from_slice(&(query.len() as u16).to_be_bytes());
        stream.extend_from_slice(&query);
    }
    let talk = |cut: usize| {
        let mut counters = Counters::default();
        let mut connection = Connection::open(&mut counters, Instant::ZERO);
        let mut output = Vec::new();
        for mut piece in stream.chunks(cut) {
            while !piece.is_empty() {
                let used = connection.receive(&server, &mut counters, Instant::ZERO, piece);
                piece = &piece[used..];
                let ready = connection.transmit(&server).to_vec();
                assert!(used > 0 || !ready.is_empty());
                connection.sent(&server, Instant::ZERO, ready.len().div_ceil(2));
                output.extend_from_slice(&ready[..ready.len().div_ceil(2)]);
            }
        }
        output.extend_from_slice(connection.transmit(&server));
        assert_eq!((counters.answers_tcp, counters.truncated), (30, 0));
        assert!(!connection.close_after_flush());
        output
    };
    let whole = talk(stream.len());
    for cut in [1, 2, 3, 7, 64, 1000] {
        assert_eq!(talk(cut), whole);
    }
    let mut rest = whole.as_slice();
    for name in names.iter().cycle().take(30) {
        let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        let message = Message::from_octets(&rest[2..2 + length]).expect("a message");
        let question = message.sole_question().expect("a question");
        assert_eq!(question.qname().to_string(), *name);
        rest = &rest[2 + length..];
    }
    assert!(rest.is_empty());
}

#[test]
fn a_stream_without_queries_ends() {
    let server = server();
    for input in [&[0, 0][..], &[0xff, 0xff, 1], &[0, 3, 1, 2, 3]] {
        let mut counters = Counters::default();
        let mut connection = Connection::open(&mut counters, Instant::ZERO);
        connection.receive(&server, &mut counters, Instant::ZERO, input);
        assert!(connection.close_after_flush() && connection.transmit(&server).is_empty());
    }
}

proptest! {
    #[test]
    fn no_message_confuses_the_server(
        mut message in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            Just(query("www.poc.example", Rtype::A, Some(1232))),
        ],
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        room in 512usize..1500,
    ) {
        for (index, byte) in edits {
            if !message.is_empty() {
                let index = index.index(message.len());
                message[index] = byte;
            }
        }
        let mut out = vec![0; room];
        let length = server().answer(&mut Counters::default(), Transport::Udp, &message, &mut out);
        if let Some(length) = length {
            prop_assert!(length <= UDP_PAYLOAD);
            let response = Message::from_octets(&out[..length]).expect("a message");
            prop_assert!(response.header().qr());
            prop_assert_eq!(&out[..2], &message[..2]);
            let opcode = Opcode::from_int(message[2] >> 3 & 15);
            prop_assert_eq!(response.header().opcode(), opcode);
            for record in response.answer().expect("sections") {
                prop_assert_eq!(record.expect("a record").class(), Class::IN);
            }
        } else {
            prop_assert!(message.len() < 12 || message[2] & 0x80 != 0);
        }
    }
}
