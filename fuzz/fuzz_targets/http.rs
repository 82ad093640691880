//! Requests of any shape: the same answers however they are cut, each with a status of its own.
//!
//! The first byte is the size of the pieces, the others are what a client sends.
#![no_main]
#![forbid(unsafe_code)]

use std::sync::LazyLock;

use fuzz::talk::talk;
use libfuzzer_sys::fuzz_target;
use service_config::NodeConfig;
use service_web::{Connection, Counters, Site};

static SITE: LazyLock<Site> = LazyLock::new(|| {
    let config = NodeConfig::parse(fuzz::WEB.as_bytes()).expect("valid");
    Site::new(config.web.expect("it serves").resources).expect("valid")
});

fuzz_target!(|data: &[u8]| {
    let Some((size, input)) = data.split_first() else { return };
    let whole = answers(input, input.len());
    assert_eq!(answers(input, usize::from(*size)), whole, "in pieces of {size}");
    let (output, _) = whole;
    assert!(output.is_empty() || output.starts_with(b"HTTP/1.1 "));
});

fn answers(input: &[u8], size: usize) -> (Vec<u8>, bool) {
    let mut counters = Counters::default();
    let said = talk::<Connection>(&SITE, &mut counters, input, size);
    let Counters { requests, success, redirection, client_error, server_error, .. } = counters;
    assert_eq!(success + redirection + client_error + server_error, requests);
    assert!(requests as usize <= input.len(), "no answer without a request");
    said
}
