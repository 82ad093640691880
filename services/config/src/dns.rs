//! What a DNS node answers.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use serde::Serialize;

use crate::ConfigError;
use crate::read::{Object, Path, Read, read_word};
use crate::value::Value;

/// The zones of an authoritative server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dns {
    /// The UDP and TCP port.
    pub port: u16,
    /// The most responses a second over UDP to one prefix of clients; all are sent if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<u32>,
    /// The zones, reverse zones included.
    pub zones: Vec<Zone>,
}

/// A zone; names are absolute, without the final dot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Zone {
    /// The apex.
    pub origin: String,
    /// The time to live of the SOA record, in seconds.
    pub ttl: u32,
    /// The start of authority.
    pub soa: Soa,
    /// All other records.
    pub records: Vec<Record>,
}

/// The fields of a SOA record, RFC 1035 section 3.3.13; times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Soa {
    /// The primary name server.
    pub primary: String,
    /// Whose mailbox answers for the zone.
    pub mailbox: String,
    /// The version of the zone.
    pub serial: u32,
    /// How often secondaries look.
    pub refresh: u32,
    /// How soon they look again after a failure.
    pub retry: u32,
    /// When they give up.
    pub expire: u32,
    /// How long an absence may be remembered.
    pub minimum: u32,
}

/// A resource record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "Text")]
pub struct Record {
    /// The owner.
    pub name: String,
    /// How long it may be remembered, in seconds.
    pub ttl: u32,
    /// What it says.
    pub data: RecordData,
}

/// The types of records that a document can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// A name server.
    Ns,
    /// The name of an address.
    Ptr,
    /// Free text.
    Txt,
    /// The canonical name of an alias.
    Cname,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordData {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// The name of a server of the zone.
    Ns(String),
    /// The name of an address.
    Ptr(String),
    /// Text, split where it is too long for one character string.
    Txt(String),
    /// The canonical name.
    Cname(String),
}

impl Read for Dns {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let mut object = Object::new(value, path)?;
        let dns = Self {
            port: object.required("port")?,
            rate_limit: object.optional("rate_limit")?,
            zones: object.required("zones")?,
        };
        if dns.rate_limit == Some(0) {
            return Err(Path::Member(path, "rate_limit").error(&"less than one response a second"));
        }
        object.finish()?;
        Ok(dns)
    }
}

impl Read for Zone {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let mut object = Object::new(value, path)?;
        let zone = Self {
            origin: object.required("origin")?,
            ttl: object.required("ttl")?,
            soa: object.required("soa")?,
            records: object.required("records")?,
        };
        object.finish()?;
        Ok(zone)
    }
}

impl Read for Soa {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let mut object = Object::new(value, path)?;
        let soa = Self {
            primary: object.required("primary")?,
            mailbox: object.required("mailbox")?,
            serial: object.required("serial")?,
            refresh: object.required("refresh")?,
            retry: object.required("retry")?,
            expire: object.required("expire")?,
            minimum: object.required("minimum")?,
        };
        object.finish()?;
        Ok(soa)
    }
}

impl Read for Record {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let mut object = Object::new(value, path)?;
        let (name, ttl) = (object.required("name")?, object.required("ttl")?);
        let kind: RecordType = object.required("type")?;
        let text: String = object.required("data")?;
        object.finish()?;
        let at = Path::Member(path, "data");
        let data = match kind {
            RecordType::A => {
                RecordData::A(text.parse().map_err(|_| at.error(&"not an IPv4 address"))?)
            }
            RecordType::Aaaa => {
                RecordData::Aaaa(text.parse().map_err(|_| at.error(&"not an IPv6 address"))?)
            }
            RecordType::Ns => RecordData::Ns(text),
            RecordType::Ptr => RecordData::Ptr(text),
            RecordType::Txt => RecordData::Txt(text),
            RecordType::Cname => RecordData::Cname(text),
        };
        Ok(Self { name, ttl, data })
    }
}

read_word!(
    RecordType,
    "A" => A, "AAAA" => Aaaa, "NS" => Ns, "PTR" => Ptr, "TXT" => Txt, "CNAME" => Cname
);

/// How a record is written.
#[derive(Serialize)]
struct Text {
    name: String,
    r#type: RecordType,
    ttl: u32,
    data: String,
}

impl From<Record> for Text {
    fn from(record: Record) -> Self {
        let (r#type, data) = match record.data {
            RecordData::A(address) => (RecordType::A, address.to_string()),
            RecordData::Aaaa(address) => (RecordType::Aaaa, address.to_string()),
            RecordData::Ns(name) => (RecordType::Ns, name),
            RecordData::Ptr(name) => (RecordType::Ptr, name),
            RecordData::Txt(text) => (RecordType::Txt, text),
            RecordData::Cname(name) => (RecordType::Cname, name),
        };
        Self { name: record.name, r#type, ttl: record.ttl, data }
    }
}
