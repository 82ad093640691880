//! What a client sees: every request of the tables is also sent one byte at a time and pipelined.

use proptest::prelude::*;
use service_config::{Body, Resource};
use service_core::{Duration, Instant, Session};
use service_web::{Connection, Counters, Site, limits};

const PAGE: &str = "<title>a page</title>\n";

fn page(path: &str, body: &str) -> Resource {
    Resource {
        path: path.into(),
        media_type: "text/html; charset=utf-8".into(),
        body: Body::Text(body.into()),
    }
}

fn site() -> Site {
    let resources = vec![page("/", PAGE), page("/a%20b", "spaced"), page("/z", "")];
    Site::new(resources).expect("valid resources")
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

/// The value of a response's field.
fn field<'a>(response: &'a str, name: &str) -> &'a str {
    let (head, _) = response.split_once("\r\n\r\n").expect("a head");
    let value = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("no {name}: {head}"))
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
        ("GET / HTTP/1.1", format!("{HOST}X: a\rb\r\n"), 400, true),
        ("GET / HTTP/1.1", "Host: h\n".into(), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}X: a\nContent-Length: 5\r\n"), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}\n"), 400, true),
        ("GET / HTTP/1.1\nX: a", HOST.into(), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}: a\r\n"), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}Content-Length : 0\r\n"), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}Content-Length: +1\r\n"), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}Content-Length: 1 1\r\n"), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}Content-Length:\r\n"), 400, true),
        ("GET /", String::new(), 400, true),
        ("POST / HTTP/1.1", HOST.into(), 405, false),
        ("DELETE /missing HTTP/1.1", HOST.into(), 404, false),
        ("PUT /api/pages/a%20b HTTP/1.1", HOST.into(), 405, false),
        ("OPTIONS * HTTP/1.1", HOST.into(), 204, false),
        ("OPTIONS /a%20b HTTP/1.1", HOST.into(), 204, false),
        ("OPTIONS /missing HTTP/1.1", HOST.into(), 404, false),
        ("POST * HTTP/1.1", HOST.into(), 400, true),
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
        ("GET / HTTP/1.1", format!("{HOST}Transfer-Encoding: \x0bchunked\r\n"), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}Transfer-Encoding : chunked\r\n"), 400, true),
        ("GET / HTTP/1.1", format!("{HOST}Transfer-Encoding:\r\n"), 501, true),
        (
            "GET / HTTP/1.1",
            format!("{HOST}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
            400,
            true,
        ),
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
        let allow = response.contains("\r\nAllow: GET, HEAD, OPTIONS\r\n");
        assert_eq!(allow, matches!(expected, 204 | 405), "{line}");
        let problem = response.contains("\r\nContent-Type: application/problem+json\r\n");
        assert_eq!(problem, *expected >= 400, "{line}");
        assert_eq!(response.contains("\r\nContent-Length: "), *expected != 204, "{line}");
    }
    for target in [format!("/{long}"), "/".repeat(limits::HEAD)] {
        let (response, closed) = ask(&format!("GET {target} HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!((status(&response), closed), (414, true));
    }
}

#[test]
fn a_known_tag_is_answered_without_content() {
    let (response, _) = ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let tag = field(&response, "ETag");
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
fn a_condition_that_fails_is_told_before_all_others() {
    let (response, _) = ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let tag = field(&response, "ETag");
    let other = "\"other\"";
    for (fields, expected) in [
        (format!("If-Match: {tag}\r\n"), 200),
        (format!("If-Match: {other}, {tag}\r\n"), 200),
        ("If-Match: *\r\n".into(), 200),
        (format!("If-Match: W/{tag}\r\n"), 412),
        (format!("If-Match: {other}\r\n"), 412),
        (format!("If-Match: {tag}\r\nIf-Match: {tag}\r\n"), 412),
        (format!("If-Match: {other}\r\nIf-None-Match: {tag}\r\n"), 412),
        (format!("If-Match: {tag}\r\nIf-None-Match: {tag}\r\n"), 304),
    ] {
        let (response, closed) = ask(&format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n"));
        assert_eq!((status(&response), closed), (expected, false), "{fields}");
    }
    let (response, _) = ask("GET /missing HTTP/1.1\r\nHost: h\r\nIf-Match: *\r\n\r\n");
    assert_eq!(status(&response), 404);
}

#[test]
fn the_pages_are_a_collection_with_items() {
    let get = |path: &str| {
        let (response, _) = ask(&format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!((status(&response), path), (200, path));
        response
    };
    let json = |path: &str| -> serde_json::Value {
        let response = get(path);
        assert_eq!(field(&response, "Content-Type"), "application/json");
        let (_, content) = response.split_once("\r\n\r\n").expect("a head");
        serde_json::from_str(content).expect("JSON")
    };
    let collection = json("/api/pages");
    let items = collection["pages"].as_array().expect("a list");
    let names: Vec<&str> = items.iter().filter_map(|item| item["name"].as_str()).collect();
    assert_eq!(names, ["index.html", "a%20b", "z"]);
    assert_eq!(collection["count"], 3);
    assert_eq!(collection["links"]["self"], "/api/pages");
    for item in items {
        let link = |name: &str| item["links"][name].as_str().expect("a link").to_owned();
        assert_eq!(&json(&link("self")), item);
        assert_eq!(link("collection"), "/api/pages");
        let page = get(&link("content"));
        let (_, content) = page.split_once("\r\n\r\n").expect("a head");
        assert_eq!(item["size"], content.len());
        assert_eq!(item["type"], field(&page, "Content-Type"));
        assert_eq!(item["etag"], field(&page, "ETag"));
        assert_eq!(item["sha256"].as_str().map(str::len), Some(64));
    }
    assert!(Site::new(vec![page("/api/pages", "")]).is_err());
}

#[test]
fn a_path_that_no_client_can_send_is_refused() {
    for path in ["z", "", "/a b", "/a?b", "/a#b", "/%2f", "/%zz", "/%0a", "/ü"] {
        let error = Site::new(vec![page(path, "")]).err();
        assert!(error.is_some_and(|error| error.to_string().starts_with(path)), "{path}");
    }
    assert!(Site::new(vec![page("/%C3%BC%25", "")]).is_ok());
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
