//! What the types alone cannot say: names that resolve, addresses that fit.

use alloc::collections::BinaryHeap;
use alloc::format;
use alloc::string::String;
use core::cmp::Ordering;
use core::net::IpAddr;

use crate::{ConfigError, Endpoint, Filter, Kind, NodeConfig, Protocol};

/// The least MTU that IPv4 allows, RFC 791 section 3.2.
const MTU_LEAST: u16 = 68;

/// Refuses a document whose parts do not fit each other.
pub(crate) fn check(config: &NodeConfig) -> Result<(), ConfigError> {
    interfaces(config)?;
    routes(config)?;
    if let Some(filter) = &config.filter {
        rules(config, filter)?;
    }
    let served =
        config.web.as_ref().map(|web| web.port).or(config.dns.as_ref().map(|dns| dns.port));
    if let Some(metrics) = &config.metrics
        && (metrics.port == 0 || Some(metrics.port) == served)
    {
        return Err(ConfigError::new("metrics.port".into(), &"no port of its own"));
    }
    let missing = match config.kind {
        Kind::Web if config.web.is_none() => "web",
        Kind::Dns if config.dns.is_none() => "dns",
        Kind::Firewall if config.filter.is_none() => "filter",
        _ => return Ok(()),
    };
    Err(ConfigError::new(missing.into(), &format_args!("a {} node needs it", config.kind.name())))
}

fn interfaces(config: &NodeConfig) -> Result<(), ConfigError> {
    for (index, interface) in config.interfaces.iter().enumerate() {
        let path = |field: &str| format!("interfaces[{index}].{field}");
        if interface.mtu < MTU_LEAST {
            return Err(ConfigError::new(path("mtu"), &"less than 68 bytes"));
        }
        let earlier = &config.interfaces[..index];
        if earlier.iter().any(|other| other.name >= interface.name) {
            return Err(ConfigError::new(path("name"), &"interfaces are sorted by unique name"));
        }
        if earlier.iter().any(|other| other.mac == interface.mac) {
            return Err(ConfigError::new(path("mac"), &"another interface has this address"));
        }
        for (position, own) in interface.addresses.iter().enumerate() {
            let taken = earlier.iter().flat_map(|other| &other.addresses);
            if taken
                .chain(&interface.addresses[..position])
                .any(|other| other.address() == own.address())
            {
                let path = path(&format!("addresses[{position}]"));
                return Err(ConfigError::new(path, &"another interface has this address"));
            }
        }
    }
    Ok(())
}

fn routes(config: &NodeConfig) -> Result<(), ConfigError> {
    let repeated = repeated(config.routes.len(), &|one, other| {
        config.routes[one].prefix.cmp(&config.routes[other].prefix)
    });
    for (index, route) in config.routes.iter().enumerate() {
        let path = |field: &str| format!("routes[{index}].{field}");
        let Some(interface) = config.interface(&route.interface) else {
            return Err(ConfigError::new(path("interface"), &"no interface has this name"));
        };
        if route.prefix.network().is_ipv4() != route.via.is_ipv4() {
            return Err(ConfigError::new(path("via"), &"not of the prefix's family"));
        }
        let addresses = &config.interfaces[interface].addresses;
        let link_local = matches!(route.via, IpAddr::V6(via) if via.is_unicast_link_local());
        if !link_local && !addresses.iter().any(|own| own.prefix().contains(route.via)) {
            return Err(ConfigError::new(path("via"), &"not attached to the interface"));
        }
        if addresses.iter().any(|own| own.address() == route.via) {
            return Err(ConfigError::new(path("via"), &"the node's own address"));
        }
        if repeated == Some(index) {
            return Err(ConfigError::new(path("prefix"), &"another route has this prefix"));
        }
    }
    Ok(())
}

fn rules(config: &NodeConfig, filter: &Filter) -> Result<(), ConfigError> {
    let repeated = repeated(filter.rules.len(), &|one, other| {
        filter.rules[one].name.cmp(&filter.rules[other].name)
    });
    for (index, rule) in filter.rules.iter().enumerate() {
        let path = |field: String| format!("filter.rules[{index}].{field}");
        if repeated == Some(index) {
            return Err(ConfigError::new(path("name".into()), &"another rule has this name"));
        }
        for (side, endpoints) in [("from", &rule.from), ("to", &rule.to)] {
            for (position, endpoint) in endpoints.iter().enumerate() {
                if let Endpoint::Interface(name) = endpoint
                    && config.interface(name).is_none()
                {
                    let path = path(format!("{side}[{position}].interface"));
                    return Err(ConfigError::new(path, &"no interface has this name"));
                }
            }
        }
        for (position, one) in rule.matches.iter().enumerate() {
            let path = |field: &str| path(format!("match[{position}].{field}"));
            let has_ports = matches!(one.protocol, Protocol::Tcp | Protocol::Udp);
            if !has_ports && !one.ports.is_empty() {
                return Err(ConfigError::new(path("ports"), &"only TCP and UDP have ports"));
            }
            if has_ports && !one.types.is_empty() {
                return Err(ConfigError::new(path("types"), &"only ICMP has types"));
            }
        }
    }
    Ok(())
}

/// The first of `count` things that equals one before it, by their order.
fn repeated(count: usize, order: &dyn Fn(usize, usize) -> Ordering) -> Option<usize> {
    let all: BinaryHeap<Place<'_>> = (0..count).map(|index| Place { index, order }).collect();
    let sorted = all.into_sorted_vec();
    let pairs = sorted.windows(2).filter(|pair| order(pair[0].index, pair[1].index).is_eq());
    pairs.map(|pair| pair[1].index).min()
}

/// One of many things, which sort as they are ordered, equal ones by their places.
struct Place<'a> {
    index: usize,
    order: &'a dyn Fn(usize, usize) -> Ordering,
}

impl Ord for Place<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.order)(self.index, other.index).then(self.index.cmp(&other.index))
    }
}

impl PartialOrd for Place<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Place<'_> {}
