//! Makes the interfaces what the configuration says, whatever libvirt has done to them before.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::io::Errno;
use service_config::{Interface, NodeConfig};

use crate::netlink::route::{Link, Routing};
use crate::{Fatal, sysctl};

/// Characters of an interface's name (IFNAMSIZ less its NUL).
const NAME_LENGTH: usize = 15;

/// Who speaks IP on the interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The kernel, for this node only.
    Host,
    /// The kernel, which forwards.
    Forward,
    /// This program, over packet sockets: the kernel gets no address.
    Bare,
}

/// The names that a node's interfaces have in its container: the configuration's if all of them can be names of
/// Linux interfaces, else `port0`, `port1`, … in the same order.
#[must_use]
pub fn names(interfaces: &[Interface]) -> Vec<String> {
    if interfaces.iter().all(|interface| is_name(&interface.name)) {
        interfaces.iter().map(|interface| interface.name.clone()).collect()
    } else {
        (0..interfaces.len()).map(|index| format!("port{index}")).collect()
    }
}

fn is_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=NAME_LENGTH).contains(&name.len())
        && name.bytes().all(word)
        && !matches!(name, "." | ".." | "lo" | "all" | "default")
}

/// Sets up every interface of `config` and returns their kernel numbers in the same order.
pub fn set_up(config: &NodeConfig, purpose: Use) -> Result<Vec<u32>, Fatal> {
    let mut routing = Routing::open()?;
    let links = routing.links()?;
    let mut found = config
        .interfaces
        .iter()
        .map(|interface| find(&links, interface))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(loopback) = links.iter().find(|link| link.name == "lo" && !link.up) {
        routing.set_up(loopback.index, true)?;
    }
    forward(purpose == Use::Forward)?;
    let names = names(&config.interfaces);
    park(&mut routing, &mut found, &names)?;
    for ((interface, link), name) in config.interfaces.iter().zip(&mut found).zip(&names) {
        let configured = configure(&mut routing, interface, link, name, purpose);
        configured.map_err(|fatal| fatal.at(format!("interface {}", interface.name)))?;
    }
    if purpose != Use::Bare {
        add_routes(&mut routing, config, &found)?;
    }
    Ok(found.iter().map(|link| link.index).collect())
}

fn find(links: &[Link], interface: &Interface) -> Result<Link, Fatal> {
    let Interface { name, mac, .. } = interface;
    let link = links.iter().find(|link| link.mac == Some(mac.octets()));
    link.cloned()
        .ok_or_else(|| Fatal::new(format!("interface {name}: none has the MAC address {mac}")))
}

/// Takes down interfaces that have addresses already, which also removes their routes, and frees the names that
/// others of them will get. One that is merely up stays so: its bridge goes on forwarding.
fn park(routing: &mut Routing, found: &mut [Link], names: &[String]) -> Result<(), Fatal> {
    let assigned = routing.addresses()?;
    for (position, (link, name)) in found.iter_mut().zip(names).enumerate() {
        let configured = assigned.iter().any(|one| one.index == link.index && !one.automatic());
        if link.up && configured {
            routing.set_up(link.index, false)?;
            link.up = false;
        }
        if link.name != *name && names.contains(&link.name) {
            shape(routing, link, &format!("parked{position}"), link.mtu)?;
        }
    }
    Ok(())
}

/// Names an interface and sets its MTU; Linux before 6.2 renames none that is up.
fn shape(routing: &mut Routing, link: &mut Link, name: &str, mtu: u32) -> Result<(), Fatal> {
    match routing.shape(link.index, name, mtu) {
        Err(fatal) if link.up && fatal.is(Errno::BUSY) => {
            routing.set_up(link.index, false)?;
            link.up = false;
            routing.shape(link.index, name, mtu)
        }
        result => result,
    }
}

fn configure(
    routing: &mut Routing,
    interface: &Interface,
    link: &mut Link,
    name: &str,
    purpose: Use,
) -> Result<(), Fatal> {
    shape(routing, link, name, interface.mtu.into())?;
    let kept = if purpose == Use::Bare { &[][..] } else { &interface.addresses };
    settle(name, kept.iter().any(|own| own.address().is_ipv6()))?;
    for assigned in
        routing.addresses()?.iter().filter(|one| one.index == link.index && !one.automatic())
    {
        routing.delete_address(assigned)?;
    }
    for own in kept {
        routing.add_address(link.index, own.address(), own.length())?;
    }
    routing.set_up(link.index, true)?;
    routing.announce(link)
}

/// Static networks only: no autoconfiguration, no redirects, no source routes, addresses usable at once. Announcements
/// are allowed: the node may have taken the place of another, and tells the neighbours and the bridge where it is.
fn settle(name: &str, wants_v6: bool) -> Result<(), Fatal> {
    sysctl::set(&format!("ipv4/conf/{name}/arp_notify"), 1)?;
    // The packet filter looks at reverse paths where the topology says so, in both families, and counts.
    for setting in [
        "accept_redirects",
        "accept_source_route",
        "rp_filter",
        "send_redirects",
        "secure_redirects",
    ] {
        sysctl::set(&format!("ipv4/conf/{name}/{setting}"), 0)?;
    }
    let v6 = format!("ipv6/conf/{name}");
    // Off also takes away what the interface has: its link-local address would still be checked for duplicates.
    sysctl::set_if_present(&format!("{v6}/disable_ipv6"), 1)?;
    if !wants_v6 {
        return Ok(());
    }
    for setting in
        ["accept_ra", "accept_dad", "accept_redirects", "accept_source_route", "autoconf"]
    {
        sysctl::set(&format!("{v6}/{setting}"), 0)?;
    }
    sysctl::set(&format!("{v6}/ndisc_notify"), 1)?;
    sysctl::set(&format!("{v6}/disable_ipv6"), 0)
}

/// Comes first, because it resets settings of each interface.
fn forward(on: bool) -> Result<(), Fatal> {
    sysctl::set("ipv4/ip_forward", on.into())?;
    sysctl::set("ipv4/conf/all/accept_redirects", 0)?;
    sysctl::set("ipv4/conf/all/rp_filter", 0)?;
    sysctl::set("ipv4/conf/all/send_redirects", 0)?;
    sysctl::set_if_present("ipv6/conf/all/forwarding", on.into())
}

fn add_routes(routing: &mut Routing, config: &NodeConfig, links: &[Link]) -> Result<(), Fatal> {
    for route in &config.routes {
        let missing =
            || Fatal::new(format!("route to {}: no interface {}", route.prefix, route.interface));
        let position = config.interface(&route.interface).ok_or_else(missing)?;
        let network = route.prefix.network();
        routing.add_route(network, route.prefix.length(), route.via, links[position].index)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn interfaces(names: &[&str]) -> Vec<Interface> {
        let one = |name: &&str| Interface {
            name: name.to_string(),
            zone: "z".to_string(),
            mac: "02:00:00:00:00:01".parse().unwrap(),
            mtu: 1500,
            addresses: Vec::new(),
        };
        names.iter().map(one).collect()
    }

    #[test]
    fn segments_names_are_interfaces_names_where_linux_allows() {
        assert_eq!(names(&interfaces(&["external", "transit"])), ["external", "transit"]);
        assert_eq!(
            names(&interfaces(&["external", "a-name-too-long-for-linux"])),
            ["port0", "port1"]
        );
        assert_eq!(names(&interfaces(&["lo"])), ["port0"]);
        assert_eq!(names(&interfaces(&["a/b"])), ["port0"]);
    }
}
