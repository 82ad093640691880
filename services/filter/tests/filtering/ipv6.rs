//! Verdicts on what IPv6 does in another way: errors, fragments, neighbour discovery.

use service_config::{Action, Filter as Policy, Match, Protocol, Rule};
use service_core::Instant;
use service_filter::{Cause, Filter, Verdict};

use crate::packets::*;

const NOW: Instant = Instant::from_micros(1);
const DEFAULT: Verdict = Verdict::Drop { cause: Cause::Default, log: true };
const INVALID: Verdict = Verdict::Drop { cause: Cause::Invalid, log: false };
const FRAGMENT: u8 = 44;
const OPTIONS: u8 = 60;
const TCP: u8 = 6;

fn pass(filter: &mut Filter, ingress: usize, egress: usize, packet: &[u8]) -> Verdict {
    filter.check(NOW, ingress, Some(egress), packet, packet.len())
}

#[test]
fn errors_that_working_flows_need_pass_with_their_flow_alone() {
    let (client, web, router) = (v6("2001:db8:1::100"), v6("2001:db8:3::80"), v6("2001:db8:2::2"));
    let mut filter = filter();
    let syn = tcp((client, 40_000), (web, 80), SYN);
    // Unreachable, packet too big, time exceeded, parameter problem (RFC 4890 section 4.3.1).
    let errors = [1, 2, 3, 4].map(|kind| icmp(router, client, kind, 0, &syn[..48]));
    for error in &errors {
        assert_eq!(pass(&mut filter, TRANSIT, OUTSIDE, error), DEFAULT);
    }
    assert_eq!(pass(&mut filter, OUTSIDE, TRANSIT, &syn), Verdict::Accept);
    for error in &errors {
        assert_eq!(pass(&mut filter, TRANSIT, OUTSIDE, error), Verdict::Accept);
    }
    assert_eq!(counter(&filter, "related"), 4);
    // The client's side has a narrow link, too.
    let reply = tcp((web, 80), (client, 40_000), SYN_ACK);
    let narrow = icmp(v6("2001:db8:1::1"), web, 2, 0, &reply);
    assert_eq!(pass(&mut filter, OUTSIDE, TRANSIT, &narrow), Verdict::Accept);
    let wrong = [
        icmp(router, v6("2001:db8:1::101"), 2, 0, &syn),
        icmp(router, client, 2, 0, &syn[..47]),
        icmp(router, client, 2, 0, &tcp((client, 40_001), (web, 80), SYN)),
        // A redirect and a router's advertisement quote nothing that would make them welcome.
        icmp(router, client, 137, 0, &syn),
        icmp(router, client, 134, 0, &syn),
        icmp(router, client, 127, 0, &syn),
    ];
    for packet in &wrong {
        assert_eq!(pass(&mut filter, TRANSIT, OUTSIDE, packet), DEFAULT, "{packet:02x?}");
    }
}

/// A fragment header: what follows, the offset in units of eight bytes, whether more do.
fn fragment(next: u8, offset: u16, more: bool) -> [u8; 8] {
    let [high, low] = (offset << 3 | u16::from(more)).to_be_bytes();
    [next, 0, high, low, 0, 0, 0, 1]
}

#[test]
fn later_fragments_do_not_get_by_where_their_first_would_not() {
    let (client, web) = (v6("2001:db8:1::100"), v6("2001:db8:3::80"));
    let one = |ports: Vec<(u16, u16)>| Match { protocol: Protocol::Tcp, ports, types: vec![] };
    let rule = |name: &str, action, matches| Rule {
        name: name.into(),
        action,
        log: false,
        from: vec![],
        to: vec![],
        matches,
    };
    let rules = vec![
        rule("no-shell", Action::Deny, vec![one(vec![(22, 22)])]),
        rule("all", Action::Permit, vec![]),
    ];
    let policy = Policy { default: Action::Deny, stateful: true, rules };
    let denied = Verdict::Drop { cause: Cause::Rule(0), log: false };
    let segment = &tcp((client, 40_000), (web, 22), SYN)[40..];
    let packet = |headers: &[u8], payload: &[u8]| {
        ip(client, web, FRAGMENT.into(), &[headers, payload].concat())
    };
    let options = [TCP, 0, 1, 4, 0, 0, 0, 0];
    let table = [
        ("first", packet(&fragment(TCP, 0, true), segment), denied),
        ("later", packet(&fragment(TCP, 4, false), segment), denied),
        (
            "first, behind options",
            packet(&[fragment(OPTIONS, 0, true), options].concat(), segment),
            denied,
        ),
        // What this is a fragment of, its first one says.
        ("later, behind options", packet(&fragment(OPTIONS, 4, false), segment), INVALID),
        ("first without its port", packet(&fragment(TCP, 0, true), &segment[..8]), INVALID),
        ("first with options alone", packet(&fragment(OPTIONS, 0, true), &options), INVALID),
    ];
    let config = firewall();
    for (what, packet, expected) in table {
        let mut filter = Filter::new(&policy, &config.interfaces, 1).expect("fits");
        assert_eq!(pass(&mut filter, OUTSIDE, TRANSIT, &packet), expected, "{what}");
    }
}
