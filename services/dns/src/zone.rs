//! The names of all zones in one sorted table.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use domain::base::Ttl;
use domain::base::iana::Rtype;
use domain::base::name::ToName;
use service_config as config;

use crate::ZoneError;
use crate::name::{self, Key, Name, OwnedName};
use crate::rdata::Data;

/// All zones.
#[derive(Debug)]
pub(crate) struct Zones {
    /// Every name that exists, sorted by key.
    nodes: Vec<Node>,
    zones: Vec<Zone>,
    /// The most labels that any name has.
    deepest: usize,
}

/// What a negative answer needs to know of a zone.
#[derive(Debug)]
pub(crate) struct Zone {
    pub origin: OwnedName,
    pub soa: Data,
    /// How long an absence may be remembered (RFC 2308 section 3).
    pub negative_ttl: Ttl,
}

/// A name that exists, if only because names below it do.
#[derive(Debug)]
pub(crate) struct Node {
    key: Box<[u8]>,
    pub name: OwnedName,
    zone: usize,
    rrsets: Vec<Rrset>,
    /// The highest name at or above this one where another server's zone begins.
    cut: Option<usize>,
}

/// Records of one name and type.
#[derive(Debug)]
pub(crate) struct Rrset {
    pub rtype: Rtype,
    pub ttl: Ttl,
    pub data: Vec<Data>,
}

impl Node {
    pub(crate) fn rrset(&self, rtype: Rtype) -> Option<&Rrset> {
        self.rrsets.iter().find(|rrset| rrset.rtype == rtype)
    }

    /// What answers `rtype`; one set is enough for ANY (RFC 8482 section 4.1).
    pub(crate) fn answer(&self, rtype: Rtype) -> Option<&Rrset> {
        if rtype == Rtype::ANY { self.rrsets.first() } else { self.rrset(rtype) }
    }

    fn add(&mut self, rtype: Rtype, ttl: Ttl, data: Data) -> Result<(), &'static str> {
        let alone = |rrset: &Rrset| rrset.rtype == Rtype::CNAME || rtype == Rtype::CNAME;
        if self.rrsets.iter().any(alone) {
            return Err("an alias has no other records");
        }
        match self.rrsets.iter_mut().find(|rrset| rrset.rtype == rtype) {
            Some(rrset) if rrset.ttl != ttl => return Err("records of one set differ in `ttl`"),
            Some(rrset) => rrset.data.push(data),
            None => self.rrsets.push(Rrset { rtype, ttl, data: [data].into() }),
        }
        Ok(())
    }
}

/// What is known of a name.
pub(crate) enum Found<'a> {
    /// It exists, or a wildcard stands for it.
    Node(&'a Zone, &'a Node),
    /// It does not exist.
    Missing(&'a Zone),
    /// Another server knows: the node of the zone cut.
    Delegated(&'a Node),
    /// It is in none of the zones.
    Elsewhere,
}

impl Zones {
    #[cold]
    pub(crate) fn new(dns: &config::Dns) -> Result<Self, ZoneError> {
        let mut zones = Vec::with_capacity(dns.zones.len());
        let mut apexes = Apexes(Vec::with_capacity(dns.zones.len()));
        for (index, zone) in dns.zones.iter().enumerate() {
            let origin = name::parse(&zone.origin)?;
            if !apexes.insert(Key::new(origin.for_slice()).as_slice(), index) {
                return Err(ZoneError::new(&zone.origin, "two zones have this origin"));
            }
            zones.push(Zone {
                origin,
                soa: Data::soa(&zone.soa)?,
                negative_ttl: Ttl::from_secs(zone.ttl.min(zone.soa.minimum)),
            });
        }
        let mut table = Table { apexes, nodes: BTreeMap::new() };
        for (index, zone) in dns.zones.iter().enumerate() {
            table.add_zone(index, zone)?;
        }
        let mut nodes: Vec<Node> = table.nodes.into_values().collect();
        for index in 0..nodes.len() {
            nodes[index].cut = highest_cut(&nodes, &table.apexes, index);
        }
        let deepest = nodes.iter().map(|node| name::labels(&node.key)).max().unwrap_or(0);
        Ok(Self { nodes, zones, deepest })
    }

    /// The node of exactly this name, authoritative or glue.
    pub(crate) fn node(&self, name: &Name) -> Option<&Node> {
        self.get(Key::new(name).as_slice())
    }

    fn get(&self, key: &[u8]) -> Option<&Node> {
        find(&self.nodes, key).map(|index| &self.nodes[index])
    }

    /// What is known of `name` (RFC 1034 section 4.3.2).
    pub(crate) fn find(&self, name: &Name) -> Found<'_> {
        let key = Key::new(name);
        if let Some(node) = self.get(key.as_slice()) {
            return self.existing(node);
        }
        // No name that exists has more labels than the deepest.
        let above = name::labels(key.as_slice()).saturating_sub(self.deepest + 1);
        let Some(encloser) = name::ancestors(key.as_slice()).skip(above).find_map(|k| self.get(k))
        else {
            return Found::Elsewhere;
        };
        if let Some(cut) = encloser.cut {
            return Found::Delegated(&self.nodes[cut]);
        }
        match Key::wildcard(&encloser.key).and_then(|key| self.get(key.as_slice())) {
            Some(wildcard) => self.existing(wildcard),
            None => Found::Missing(&self.zones[encloser.zone]),
        }
    }

    fn existing<'a>(&'a self, node: &'a Node) -> Found<'a> {
        match node.cut {
            Some(cut) => Found::Delegated(&self.nodes[cut]),
            None => Found::Node(&self.zones[node.zone], node),
        }
    }
}

fn find(nodes: &[Node], key: &[u8]) -> Option<usize> {
    nodes.binary_search_by(|node| (*node.key).cmp(key)).ok()
}

fn highest_cut(nodes: &[Node], apexes: &Apexes, index: usize) -> Option<usize> {
    let key = &*nodes[index].key;
    let within = core::iter::once(key)
        .chain(name::ancestors(key))
        .take_while(|key| apexes.get(key).is_none());
    within
        .filter_map(|key| find(nodes, key))
        .filter(|index| nodes[*index].rrset(Rtype::NS).is_some())
        .last()
}

/// Where zones begin: keys, sorted, and which zone it is. A second map would be 2 kB of code.
struct Apexes(Vec<(Box<[u8]>, usize)>);

impl Apexes {
    fn get(&self, key: &[u8]) -> Option<usize> {
        self.place(key).ok().map(|place| self.0[place].1)
    }

    /// `false` when the key is there already.
    fn insert(&mut self, key: &[u8], zone: usize) -> bool {
        let place = self.place(key);
        if let Err(place) = place {
            self.0.insert(place, (key.into(), zone));
        }
        place.is_err()
    }

    fn place(&self, key: &[u8]) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(key))
    }
}

/// The names while they are collected.
struct Table {
    apexes: Apexes,
    nodes: BTreeMap<Vec<u8>, Node>,
}

impl Table {
    fn add_zone(&mut self, index: usize, zone: &config::Zone) -> Result<(), ZoneError> {
        let origin = name::parse(&zone.origin)?;
        let refuse = |name: &str, reason| ZoneError::new(name, reason);
        self.node(&origin, index)
            .add(Rtype::SOA, Ttl::from_secs(zone.ttl), Data::soa(&zone.soa)?)
            .map_err(|reason| refuse(&zone.origin, reason))?;
        for record in &zone.records {
            let owner = name::parse(&record.name)?;
            let key = Key::new(owner.for_slice());
            let around = core::iter::once(key.as_slice()).chain(name::ancestors(key.as_slice()));
            match around.filter_map(|key| self.apexes.get(key)).next() {
                Some(nearest) if nearest == index => {}
                // The delegation to a zone that is served here too says nothing new.
                Some(_) if is_below(&key, &origin) => continue,
                _ => return Err(refuse(&record.name, "not in its zone")),
            }
            let (rtype, data) = Data::read(record)?;
            self.node(&owner, index)
                .add(rtype, Ttl::from_secs(record.ttl), data)
                .map_err(|reason| refuse(&record.name, reason))?;
        }
        Ok(())
    }

    /// The node of `name`, made with all that lie between it and its zone's apex.
    fn node(&mut self, name: &OwnedName, zone: usize) -> &mut Node {
        for at in name.iter_suffixes() {
            let at = at.to_vec();
            let key = Key::new(at.for_slice());
            if self.apexes.get(key.as_slice()).is_some() || self.nodes.contains_key(key.as_slice())
            {
                break;
            }
            self.insert(&at, zone);
        }
        self.insert(name, zone)
    }

    fn insert(&mut self, name: &OwnedName, zone: usize) -> &mut Node {
        let key = Key::new(name.for_slice());
        self.nodes.entry(key.as_slice().into()).or_insert_with(|| Node {
            key: key.as_slice().into(),
            name: name.clone(),
            zone,
            rrsets: Vec::new(),
            cut: None,
        })
    }
}

fn is_below(key: &Key, origin: &OwnedName) -> bool {
    let origin = Key::new(origin.for_slice());
    name::ancestors(key.as_slice()).any(|above| above == origin.as_slice())
}
