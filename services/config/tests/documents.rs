//! Documents are read whole: what was read, written canonically, is the same bytes again.

use std::fs;
use std::path::{Path, PathBuf};

use service_config::NodeConfig;

/// Hand-written documents of every kind, and those that Python writes for the examples.
fn documents() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = json_files(&here.join("tests/documents"));
    assert_eq!(documents.len(), 4);
    let golden = here.join("../../tests/golden/config");
    for topology in fs::read_dir(golden).expect("Python's golden documents") {
        let written = json_files(&topology.expect("readable folder").path());
        assert!(!written.is_empty());
        documents.extend(written);
    }
    documents
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("readable folder");
    let paths = files.map(|file| file.expect("readable folder").path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "json")).collect()
}

#[test]
fn every_byte_of_a_document_is_understood() {
    for path in documents() {
        let document = fs::read_to_string(&path).expect("readable document");
        let document = document.trim_end();
        let config = NodeConfig::parse(document.as_bytes())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // Values sort their keys, so this is the canonical form.
        let value = serde_json::to_value(&config).expect("serialisable");
        assert_eq!(value.to_string(), document, "{}", path.display());
    }
}

#[test]
fn a_boot_modules_padding_is_no_part_of_the_document() {
    for path in documents() {
        let mut document = fs::read(&path).expect("readable document");
        let plain = NodeConfig::parse(&document).expect("valid");
        document.push(b'\n');
        document.resize(document.len().next_multiple_of(512), 0);
        assert_eq!(NodeConfig::parse(&document).expect("valid"), plain);
    }
}

/// One edit of a valid document, and the start of the error that it must cause.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    ("web", r#""port":9100"#, r#""port":80"#, "metrics.port: no port of its own"),
    ("web", "198.51.100.0/24", "198.51.100.1/24", "metrics.from[0]: "),
    ("dns", r#""rate_limit":500"#, r#""rate_limit":0"#, "dns.rate_limit: less than one response"),
    ("firewall", r#""version":1"#, r#""version":2"#, "version: "),
    ("firewall", r#""version":1"#, r#""version":1,"speed":9"#, "speed: unknown field"),
    (
        "firewall",
        r#""kind":"firewall""#,
        r#""kind":"switch""#,
        "kind: expected one of web dns router firewall",
    ),
    ("firewall", r#""stateful":true"#, r#""stateful":true,"x":1"#, "filter.x: unknown field"),
    (
        "firewall",
        r#""log":true"#,
        r#""log":1"#,
        "filter.rules[0].log: expected a boolean, found a number",
    ),
    ("firewall", r#""log":true,"#, "", "filter.rules[0]: missing field `log`"),
    (
        "firewall",
        r#"{"interface":"external"}"#,
        r#"{"interface":"moon"}"#,
        "filter.rules[1].from[0].interface: no interface has this name",
    ),
    (
        "firewall",
        r#"{"interface":"external"}"#,
        r#"{"planet":"mars"}"#,
        "filter.rules[1].from[0].planet: unknown field",
    ),
    (
        "firewall",
        "203.0.113.80/32",
        "203.0.113.80/24",
        "filter.rules[1].to[0].prefix: prefix with host bits set",
    ),
    ("firewall", "[80,80]", "[81,80]", "filter.rules[1].match[0].ports[0]: a range that ends"),
    ("firewall", "[80,80]", "[80,65536]", "filter.rules[1].match[0].ports[0][1]: "),
    (
        "firewall",
        r#""protocol":"tcp""#,
        r#""protocol":"icmp""#,
        "filter.rules[1].match[0].ports: only TCP and UDP",
    ),
    ("firewall", r#""name":"web-in""#, r#""name":"no-echo""#, "filter.rules[1].name: another"),
    (
        "firewall",
        "02:00:00:00:01:01",
        "03:00:00:00:01:01",
        "interfaces[0].mac: not a unicast MAC address",
    ),
    ("firewall", "02:00:00:00:01:01", "2:0:0:0:1:1", "interfaces[0].mac: not a MAC address"),
    ("firewall", "02:00:00:00:01:01", "02:00:00:00:02:01", "interfaces[1].mac: another"),
    ("firewall", "192.0.2.1/24", "192.0.2.1", "interfaces[0].addresses[0]: not an address with"),
    ("firewall", "192.0.2.1/24", "192.0.2.1/33", "interfaces[0].addresses[0]: prefix length"),
    ("firewall", "192.0.2.1/24", "192.0.2.1/+4", "interfaces[0].addresses[0]: not a prefix"),
    ("firewall", "192.0.2.1/24", "127.0.0.1/8", "interfaces[0].addresses[0]: not an address that"),
    ("firewall", "192.0.2.1/24", "198.51.100.1/24", "interfaces[1].addresses[0]: another"),
    ("firewall", r#""name":"transit""#, r#""name":"a""#, "interfaces[1].name: "),
    ("firewall", "198.51.100.2", "198.51.101.2", "routes[0].via: not attached"),
    ("firewall", "198.51.100.2", "198.51.100.1", "routes[0].via: the node's own"),
    ("firewall", "198.51.100.2", "2001:db8:2::2", "routes[0].via: not of the prefix's family"),
    ("router", r#""kind":"router""#, r#""kind":"web""#, "web: a web node needs it"),
    ("web", "iVBORw0KGgo=", "iVBORw0KGgo", "web.resources[1]: base64 that is not"),
    ("web", r#""base64":"#, r#""body":"x","base64":"#, "web.resources[1]: a resource has either"),
    ("web", r#""base64":"#, r#""gzip":"#, "web.resources[1].gzip: unknown field"),
    ("web", r#""port":80"#, r#""port":null"#, "web.port: expected a number, found null"),
    (
        "dns",
        r#""type":"AAAA""#,
        r#""type":"A""#,
        "dns.zones[0].records[2].data: not an IPv4 address",
    ),
    ("dns", r#""type":"TXT""#, r#""type":"MX""#, "dns.zones[0].records[6].type: expected one of"),
    (
        "dns",
        r#""serial":1"#,
        r#""serial":-1"#,
        "dns.zones[0].soa.serial: expected a number, found a number that is negative",
    ),
];

#[test]
fn mistakes_are_named_with_their_path() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents");
    for (node, from, to, expected) in MISTAKES {
        let document = fs::read_to_string(here.join(node).with_extension("json")).expect("there");
        let edited = document.replacen(from, to, 1);
        assert_ne!(edited, document, "{from}");
        let error = NodeConfig::parse(edited.as_bytes()).expect_err(to).to_string();
        assert!(error.starts_with(expected), "{to}: {error}");
    }
}

#[test]
fn what_is_not_a_document_is_refused() {
    for document in ["", "{}", "[]", "null", "{} {}", "\u{feff}{}", "\0\0"] {
        NodeConfig::parse(document.as_bytes()).expect_err(document);
    }
    NodeConfig::parse(b"{\"node\":\"\xff\"}").expect_err("invalid UTF-8");
    let deep = "[".repeat(100_000);
    NodeConfig::parse(deep.as_bytes()).expect_err("deep nesting");
}
