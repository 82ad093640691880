//! What a scraper may send: the same answer however it is cut, and one at most.
//!
//! The first byte is the size of the pieces, the others are what a client sends.
#![no_main]
#![forbid(unsafe_code)]

use std::sync::LazyLock;

use fuzz::talk::talk;
use libfuzzer_sys::fuzz_target;
use service_config::NodeConfig;
use service_metrics::{Connection, Page};

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    let config = NodeConfig::parse(fuzz::WEB.as_bytes()).expect("valid");
    Page::new(&config, config.metrics.as_ref().expect("it is managed"))
});

fuzz_target!(|data: &[u8]| {
    let Some((size, input)) = data.split_first() else { return };
    let mut counters = service_web::Counters::default();
    let whole = talk::<Connection<_>>(&PAGE, &mut counters, input, input.len());
    let cut = talk::<Connection<_>>(&PAGE, &mut counters, input, usize::from(*size));
    assert_eq!(cut, whole, "in pieces of {size}");
    assert_eq!(whole.0.starts_with(b"HTTP/1.1 "), whole.1, "it closes when it has answered");
});
