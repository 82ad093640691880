//! Longest-prefix match as it is defined: every prefix is looked at.

use std::net::IpAddr;

use service_config::Prefix;

/// What is said of the longest prefix that holds `address`, of equal ones the first.
pub fn longest<V: Copy>(entries: &[(Prefix, V)], address: IpAddr) -> Option<V> {
    let mut found: Option<&(Prefix, V)> = None;
    for entry in entries.iter().filter(|(prefix, _)| prefix.contains(address)) {
        if found.is_none_or(|longest| longest.0.length() < entry.0.length()) {
            found = Some(entry);
        }
    }
    found.map(|(_, value)| *value)
}
