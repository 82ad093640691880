//! Queries of any shape, over UDP and on a stream: no answer, or a response to that very query,
//! which the library reads and which fits.
//!
//! The first byte is the size of the pieces on a stream, the others are a message.
#![no_main]
#![forbid(unsafe_code)]

use domain::base::Message;
use fuzz::talk::talk;
use libfuzzer_sys::fuzz_target;
use service_config::NodeConfig;
use service_dns::{Connection, Counters, Server, Transport, UDP_PAYLOAD};

thread_local! {
    static SERVER: Server = {
        let config = NodeConfig::parse(fuzz::DNS.as_bytes()).expect("valid");
        Server::new(config.dns.as_ref().expect("it answers")).expect("valid")
    };
}

fuzz_target!(|data: &[u8]| {
    if let Some((size, query)) = data.split_first() {
        SERVER.with(|server| check(server, usize::from(*size), query));
    }
});

fn check(server: &Server, size: usize, query: &[u8]) {
    let mut room = vec![0; 65535];
    let ask = |transport, room: &mut [u8]| {
        let length = server.answer(&mut Counters::default(), transport, query, room)?;
        Some(room[..length].to_vec())
    };
    let datagram = ask(Transport::Udp, &mut room[..UDP_PAYLOAD]);
    let whole = ask(Transport::Tcp, &mut room);
    assert_eq!(datagram.is_some(), whole.is_some(), "what is answered hangs not on how it came");
    for response in datagram.iter().chain(&whole) {
        read(query, response);
    }
    if let (Some(datagram), Some(whole)) = (&datagram, &whole) {
        let cut_short = datagram[2] & 2 != 0;
        assert!(cut_short || datagram.len() == whole.len());
        assert!(datagram.len() <= UDP_PAYLOAD && datagram.len() <= whole.len().max(512));
    }

    // The same bytes as a stream, where their first two are a length; then as one whole query.
    let framed = [&(query.len() as u16).to_be_bytes(), query].concat();
    for stream in [query, &framed] {
        let said = |size| talk::<Connection>(server, &mut Counters::default(), stream, size);
        assert_eq!(said(size), said(stream.len()), "in pieces of {size}");
    }
}

/// The response is one, to this query, and holds what it says it holds.
fn read(query: &[u8], response: &[u8]) {
    assert_eq!(response[..2], query[..2], "its identifier");
    assert!(response[2] & 0x80 != 0, "it is a response");
    let message = Message::from_octets(response).expect("a message");
    assert!(message.question().all(|question| question.is_ok()));
    let (answer, authority, additional) = (
        message.answer().expect("answers"),
        message.authority().expect("an authority"),
        message.additional().expect("additional records"),
    );
    for section in [answer, authority, additional] {
        assert!(section.into_iter().all(|record| record.is_ok()));
    }
}
