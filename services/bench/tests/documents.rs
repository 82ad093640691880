//! Every document that Python writes makes the service that it is for.

use std::fs;
use std::path::Path;

use service_bench::packets::Buffer;
use service_config::{Kind, NodeConfig};
use service_dns::Server;
use service_route::Forwarder;
use service_web::Site;

#[test]
fn golden_documents_make_their_services() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/config");
    let mut made = 0;
    for topology in fs::read_dir(golden).expect("Python's golden documents") {
        for file in fs::read_dir(topology.expect("readable").path()).expect("a folder") {
            let path = file.expect("readable").path();
            let config = NodeConfig::parse(&fs::read(&path).expect("readable")).expect("valid");
            let place = path.display();
            match config.kind {
                Kind::Web => {
                    let web = config.web.expect("web nodes have it");
                    Site::new(web.resources).unwrap_or_else(|error| panic!("{place}: {error}"));
                }
                Kind::Dns => {
                    let dns = config.dns.expect("DNS nodes have it");
                    Server::new(&dns).unwrap_or_else(|error| panic!("{place}: {error}"));
                }
                Kind::Router | Kind::Firewall => {
                    Forwarder::<Buffer>::new(&config, 1)
                        .unwrap_or_else(|error| panic!("{place}: {error}"));
                }
            }
            made += 1;
        }
    }
    assert!(made >= 4);
}
