//! A node's document: refused, or complete; then every service can be made of it or says why not.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use service_config::{NodeConfig, Trial};

fuzz_target!(|document: &[u8]| {
    // The document of the storage images.
    let _ = Trial::parse(document);
    let Ok(config) = NodeConfig::parse(document) else { return };
    let written = serde_json::to_vec(&config).expect("what was read can be written");
    assert_eq!(NodeConfig::parse(&written).as_ref(), Ok(&config), "and is read as the same");
    let _ = service_route::Forwarder::<fuzz::ports::Bytes>::new(&config, 1);
    if let Some(dns) = &config.dns {
        let _ = service_dns::Server::new(dns);
    }
    if let Some(metrics) = &config.metrics {
        let _ = service_metrics::Page::new(&config, metrics);
    }
    if let Some(web) = config.web {
        let _ = service_web::Site::new(web.resources);
    }
});
