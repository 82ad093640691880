//! Echoes: whoever asks opens a flow, an answer that nobody asked for does not; as Linux's
//! connection tracking has it.

use service_config::{Action, Endpoint, Filter as Policy, Match, Protocol, Rule};
use service_core::Instant;
use service_filter::{Cause, Filter, Verdict};

use crate::packets::{OUTSIDE, TRANSIT, firewall, icmp, v4, v6};

const DEFAULT: Verdict = Verdict::Drop { cause: Cause::Default, log: true };

/// Every message of ICMP may come in from outside, and nothing may leave.
fn inward() -> Filter {
    let message = |protocol| Match { protocol, ports: vec![], types: vec![] };
    let rule = Rule {
        name: "in".into(),
        action: Action::Permit,
        log: false,
        from: vec![Endpoint::Interface("external".into())],
        to: vec![],
        matches: vec![message(Protocol::Icmp), message(Protocol::Icmpv6)],
    };
    let policy = Policy { default: Action::Deny, stateful: true, rules: vec![rule] };
    Filter::new(&policy, &firewall().interfaces, 42).expect("fits")
}

#[test]
fn only_who_is_asked_answers() {
    let v4 = (v4("192.0.2.100"), v4("203.0.113.80"), 8, 0);
    let v6 = (v6("2001:db8:1::100"), v6("2001:db8:3::80"), 128, 129);
    for (client, web, request, reply) in [v4, v6] {
        let mut filter = inward();
        let mut enters = |kind, identifier, out: bool| {
            let (from, to) = if out { (web, client) } else { (client, web) };
            let (ingress, egress) = if out { (TRANSIT, OUTSIDE) } else { (OUTSIDE, TRANSIT) };
            let packet = icmp(from, to, kind, identifier, &[]);
            filter.check(Instant::ZERO, ingress, Some(egress), &packet, packet.len())
        };
        let mut talk = |steps: &[(u8, bool, Verdict)], identifier| {
            for (kind, out, expected) in steps {
                assert_eq!(enters(*kind, identifier, *out), *expected, "{kind} of {identifier}");
            }
        };
        let ok = Verdict::Accept;
        talk(&[(reply, true, DEFAULT), (request, false, ok), (reply, true, ok)], 1);
        // What was asked for does not let its answerer ask.
        talk(&[(request, false, ok), (request, true, DEFAULT), (reply, true, ok)], 2);
        // An answer that nobody asked for passes by its rule, and nothing comes back for it.
        talk(&[(reply, false, ok), (request, true, DEFAULT), (reply, true, DEFAULT)], 3);
    }
}
