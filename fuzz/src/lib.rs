//! What the targets share: a network of few addresses, packets in it, and the ends of a service.
#![forbid(unsafe_code)]

pub mod checks;
pub mod packet;
#[path = "../../services/route/tests/forwarding/ports.rs"]
pub mod ports;
pub mod talk;

/// The firewall of the proof of concept.
pub const FIREWALL: &str = include_str!("../../services/config/tests/documents/firewall.json");
/// Its router.
pub const ROUTER: &str = include_str!("../../services/config/tests/documents/router.json");
/// Its DNS server.
pub const DNS: &str = include_str!("../../services/config/tests/documents/dns.json");
/// Its web server.
pub const WEB: &str = include_str!("../../services/config/tests/documents/web.json");
