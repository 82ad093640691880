//! What a client sees: every request of the tables is also sent one byte at a time and pipelined.

use proptest::prelude::*;
use service_config::{Body, Resource, Web};
use service_core::{Duration, Instant, Session};
use service_web::{Connection, Counters, Site, limits};

const PAGE: &str = "<title>a page</title>\n";

fn site() -> Site {
    let resource = |path: &str, body: &str| Resource {
        path: path.into(),
        media_type: "text/html; charset=utf-8".into(),
        body: Body::Text(body.into()),
    };
    let resources = vec![resource("/", PAGE), resource("/a b", "spaced"), resource("/z", "")];
    Site::new(&Web { port: 80, resources }).expect("valid resources")
}

/// Everything that is answered to `pieces`, and whether the connection is closed then.
fn talk<'a>(site: &Site, pieces: impl Iterator<Item = &'a [u8]>) -> (String, bool) {
    let mut counters = Counters::default();
    let mut connection = Connection::open(&mut counters, Instant::ZERO);
    let mut output = Vec::new();
    for mut piece in pieces {
        loop {
            let consumed = connection.receive(site, &mut counters, Instant::ZERO, piece);
            piece = &piece[consumed..];
            while !connection.transmit(site).is_empty() {
                // A socket takes what it can.
                let taken = connection.transmit(site).len().min(100);
                output.extend_from_slice(&connection.transmit(site)[..taken]);
                connection.sent(site, Instant::ZERO, taken);
            }
            if piece.is_empty() {
                break;
            }
        }
    }
    let answers =
        counters.success + counters.redirection + counters.client_error + counters.server_error;
    assert_eq!(answers, counters.requests);
    (String::from_utf8(output).expect("text"), connection.close_after_flush())
}

fn ask(request: &str) -> (String, bool) {
    let site = site();
    let whole = talk(&site, [request.as_bytes()].into_iter());
    let bytes = talk(&site, request.as_bytes().chunks(1));
    assert_eq!(whole, bytes, "{request:?} in single bytes");
    whole
}

fn status(response: &str) -> u16 {
    response
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| panic!("no status line: {response:?}"))
}

#[test]
fn a_page_is_served_with_its_fields() {
    let (response, closed) = ask("GET / HTTP/1.1\r\nHost: www.poc.example\r\n\r\n");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    assert_eq!(body, PAGE);
    assert!(!closed);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"));
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", PAGE.len())));
    let (head_only, _) = ask("HEAD / HTTP/1.1\r\nHost: www.poc.example\r\n\r\n");
    assert_eq!(head_only, format!("{head}\r\n\r\n"));
}

#[test]
fn every_request_gets_the_status_that_the_rfc_asks_for() {
    const HOST: &str = "Host: h\r\n";
    let long = "x".repeat(limits::TARGET);
    let field = format!("X: {}\r\n", "y".repeat(limits::HEAD));
    let many = "A: b\r\n".repeat(limits::FIELDS);
    // request line, fields, status, whether the connection ends
    let table: Vec<(&str, String, u16, bool)> = vec![
        ("GET / HTTP/1.1", HOST.into(), 200, false),
        ("GET /?query HTTP/1.1", HOST.into(), 200, false),
        ("GET /a%20b HTTP/1.1", HOST.into(), 200, false),
        ("GET /%61%20b HTTP/1.1", HOST.into(), 200, false),
        ("GET http://elsewhere/ HTTP/1.1", HOST.into(), 200, false),
        ("GET / HTTP/1.1", "Host:\r\n".into(), 200, false),
        ("GET / HTTP/1.1", "hOST: [2001:db8::1]:80\r\n".into(), 200, false),
        ("GET / HTTP/1.1", format!("{HOST}Connection: close\r\n"), 200, true),
        ("GET / HTTP/1.1", format!("{HOST}Connection: x, Close\r\n"), 200, true),
        ("GET / HTTP/1.0", String::new(), 200, true),
        ("GET / HTTP/1.0", "Connection: Keep-Alive\r\n".into(), 200, false),
        ("GET /missing HTTP/1.1", HOST.into(), 404, false),
        ("GET /a%2Fb HTTP/1.1", HOST.into(), 404, false),
        ("GET /../etc/passwd HTTP/1.1", HOST.into(), 404, false),
        ("GET /%2e%2e/ HTTP/1.1", HOST.into(), 404, false),
        ("GET /%zz HTTP/1.1", HOST.into(), 400, false),
        ("GET * HTTP/1.1", HOST.into(), 400, true),
        ("GET /#top HTTP/1.1", HOST.into(), 400, true),
        ("GET relative HTTP/1.1", HOST.into(), 400, true),
        ("GET  / HTTP/1.1", HOST.into(), 400, true),
        ("GET / HTTP/1.1", String::new(), 400, true),
        ("GET / HTTP/1.1", "Host: a\r\nHost: a\r\n".into(), 400, true),
        ("GET / HTTP/1.1", "Host: a b\r\n".into(), 400, true),
        ("GET / HTTP/1.1", "Host: a/b\r\n".into(), 400, true),
        ("GET / HTTP/1.1", "Host : a\r\n".into(), 400, true),
        ("GET / HTTP/1.1", format!("{HOST} folded\r\n"), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}X: a\0b\r\n"), 400, true),
        ("GET /", String::new(), 400, true),
        ("POST / HTTP/1.1", HOST.into(), 405, false),
        ("DELETE /missing HTTP/1.1", HOST.into(), 405, false),
        ("OPTIONS * HTTP/1.1", HOST.into(), 405, false),
        ("CONNECT a:1 HTTP/1.1", HOST.into(), 405, false),
        ("BREW / HTTP/1.1", HOST.into(), 501, false),
        ("get / HTTP/1.1", HOST.into(), 501, false),
        ("GET / HTTP/2.0", HOST.into(), 505, true),
        ("GET / HTTP/1.1", format!("{HOST}Content-Length: 65537\r\n"), 413, true),
        ("GET / HTTP/1.1", format!("{HOST}Content-Length: -1\r\n"), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}Content-Length: 0x1\r\n"), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}Content-Length: 0, 0\r\n"), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}Content-Length: {}\r\n", "9".repeat(30)), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}Content-Length: 0\r\nContent-Length: 0\r\n"), 400, true),
        (
            "GET / HTTP/1.1",
            format!("{HOST}Content-Length: 1\r\nExpect: 100-continue\r\n"),
            200,
            true,
        ),
        ("GET / HTTP/1.1", format!("{HOST}Transfer-Encoding: chunked\r\n"), 411, true),
        ("GET / HTTP/1.1", format!("{HOST}Transfer-Encoding: gzip, chunked\r\n"), 501, true),
        ("GET / HTTP/1.1", format!("{HOST}Transfer-Encoding: xchunked\r\n"), 501, true),
        (
            "GET / HTTP/1.1",
            format!("{HOST}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
            400,
            true,
        ),
        ("GET / HTTP/1.0", "Transfer-Encoding: chunked\r\n".into(), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}{field}"), 431, true),
        ("GET / HTTP/1.1", format!("{HOST}{many}"), 431, true),
    ];
    for (line, fields, expected, close) in &table {
        let (response, closed) = ask(&format!("{line}\r\n{fields}\r\n"));
        assert_eq!(status(&response), *expected, "{line} {fields:.80}");
        assert_eq!(closed, *close, "{line} {fields:.80}");
        assert_eq!(response.contains("\r\nConnection: close\r\n"), *close, "{line} {fields:.80}");
        assert_eq!(response.contains("\r\nAllow: GET, HEAD\r\n"), *expected == 405, "{line}");
    }
    for target in [format!("/{long}"), "/".repeat(limits::HEAD)] {
        let (response, closed) = ask(&format!("GET {target} HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!((status(&response), closed), (414, true));
    }
}

#[test]
fn a_known_tag_is_answered_without_content() {
    let (response, _) = ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let start = response.find("ETag: ").expect("a tag") + 6;
    let tag = &response[start..start + response[start..].find('\r').expect("a line")];
    for (list, expected) in [
        (tag.to_string(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"other\", {tag}"), 304),
        ("*".into(), 304),
        ("\"other\"".into(), 200),
        (tag.trim_matches('"').into(), 200),
    ] {
        let (response, closed) =
            ask(&format!("GET / HTTP/1.1\r\nHost: h\r\nIf-None-Match: {list}\r\n\r\n"));
        assert_eq!((status(&response), closed), (expected, false), "{list}");
        assert_eq!(response.ends_with("\r\n\r\n"), expected == 304, "{list}");
    }
}

#[test]
fn content_is_ignored_and_the_next_request_found() {
    let one = "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nGET / HT";
    let (response, closed) = ask(&format!("{one}!\r\n\r\nGET /z HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_eq!(response.matches("HTTP/1.1 200 OK").count(), 2);
    assert!(response.contains("Content-Length: 0\r\n"));
    assert!(!closed);
}

#[test]
fn nothing_is_answered_after_the_connection_ends() {
    let (response, closed) = ask("BAD\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((status(&response), closed), (400, true));
    assert_eq!(response.matches("HTTP/1.1").count(), 1);
}

#[test]
fn a_client_that_does_not_read_is_not_read_either() {
    let site = site();
    let mut counters = Counters::default();
    let mut connection = Connection::open(&mut counters, Instant::ZERO);
    let request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let flood = request.repeat(100);
    let consumed = connection.receive(&site, &mut counters, Instant::ZERO, &flood);
    assert_eq!(consumed, limits::PIPELINE * request.len());
    assert_eq!(connection.receive(&site, &mut counters, Instant::ZERO, &flood), 0);
    assert_eq!(connection.deadline(), Instant::ZERO + limits::STALL);
    let length = connection.transmit(&site).len();
    connection.sent(&site, Instant::ZERO, length);
    let again = connection.receive(&site, &mut counters, Instant::ZERO, &flood[consumed..]);
    assert_eq!(again, request.len());
}

#[test]
fn a_slow_head_does_not_move_its_deadline() {
    let site = site();
    let mut counters = Counters::default();
    let mut now = Instant::ZERO;
    let mut connection = Connection::open(&mut counters, now);
    for byte in b"GET / HTTP/1.1\r\nHost: h\r\n" {
        connection.receive(&site, &mut counters, now, &[*byte]);
        now += Duration::from_secs(1);
    }
    assert!(connection.deadline() < now);
}

proptest! {
    #[test]
    fn no_input_confuses_a_connection(
        pieces in prop::collection::vec(
            prop_oneof![
                Just(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec()),
                Just(b"HEAD /a%20b HTTP/1.0\r\nConnection: keep-alive\r\n".to_vec()),
                Just(b"Content-Length: 3\r\n".to_vec()),
                Just(b"\r\n".to_vec()),
                prop::collection::vec(any::<u8>(), 0..40),
            ],
            0..40,
        ),
        cut in 1usize..50,
    ) {
        let site = site();
        let whole: Vec<u8> = pieces.concat();
        let at_once = talk(&site, [whole.as_slice()].into_iter());
        let in_pieces = talk(&site, whole.chunks(cut));
        prop_assert_eq!(at_once, in_pieces);
    }
}
