//! Record data, ready to be written.

use alloc::boxed::Box;
use alloc::vec::Vec;

use domain::base::iana::Rtype;
use domain::base::rdata::{ComposeRecordData, RecordData};
use domain::base::wire::Composer;
use domain::base::{Serial, Ttl};
use domain::rdata::Soa;
use service_config as config;

use crate::ZoneError;
use crate::name::{self, OwnedName};

/// What a record says.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// Bytes that are written as they are.
    Plain(Box<[u8]>),
    /// One name, which may be compressed.
    Name(OwnedName),
    Soa(Box<Soa<OwnedName>>),
}

impl Data {
    /// The type and data of a record of the configuration.
    pub(crate) fn read(record: &config::Record) -> Result<(Rtype, Self), ZoneError> {
        Ok(match &record.data {
            config::RecordData::A(address) => (Rtype::A, Self::plain(&address.octets())),
            config::RecordData::Aaaa(address) => (Rtype::AAAA, Self::plain(&address.octets())),
            config::RecordData::Ns(target) => (Rtype::NS, Self::Name(name::parse(target)?)),
            config::RecordData::Ptr(target) => (Rtype::PTR, Self::Name(name::parse(target)?)),
            config::RecordData::Cname(target) => (Rtype::CNAME, Self::Name(name::parse(target)?)),
            config::RecordData::Txt(text) => (Rtype::TXT, Self::text(&record.name, text)?),
        })
    }

    fn plain(bytes: &[u8]) -> Self {
        Self::Plain(bytes.into())
    }

    /// Character strings of at most 255 bytes (RFC 1035 section 3.3.14).
    fn text(owner: &str, text: &str) -> Result<Self, ZoneError> {
        let mut bytes = Vec::with_capacity(text.len() + 1 + text.len() / 255);
        let empty = text.is_empty().then_some(&b""[..]);
        for string in text.as_bytes().chunks(255).chain(empty) {
            bytes.push(string.len() as u8);
            bytes.extend_from_slice(string);
        }
        if bytes.len() > 32768 {
            return Err(ZoneError::new(owner, "more text than a response holds"));
        }
        Ok(Self::Plain(bytes.into()))
    }

    pub(crate) fn soa(soa: &config::Soa) -> Result<Self, ZoneError> {
        Ok(Self::Soa(Box::new(Soa::new(
            name::parse(&soa.primary)?,
            name::parse(&soa.mailbox)?,
            Serial(soa.serial),
            Ttl::from_secs(soa.refresh),
            Ttl::from_secs(soa.retry),
            Ttl::from_secs(soa.expire),
            Ttl::from_secs(soa.minimum),
        ))))
    }
}

/// A type and its data, as the message builder takes them.
pub(crate) struct Rdata<'a> {
    pub rtype: Rtype,
    pub data: &'a Data,
}

impl RecordData for Rdata<'_> {
    fn rtype(&self) -> Rtype {
        self.rtype
    }
}

impl ComposeRecordData for Rdata<'_> {
    fn rdlen(&self, compress: bool) -> Option<u16> {
        match self.data {
            Data::Plain(bytes) => u16::try_from(bytes.len()).ok(),
            Data::Name(name) if !compress => u16::try_from(name.len()).ok(),
            Data::Name(_) => None,
            Data::Soa(soa) => soa.rdlen(compress),
        }
    }

    fn compose_rdata<Target: Composer + ?Sized>(
        &self,
        target: &mut Target,
    ) -> Result<(), Target::AppendError> {
        match self.data {
            Data::Plain(bytes) => target.append_slice(bytes),
            Data::Name(name) => target.append_compressed_name(name),
            Data::Soa(soa) => soa.compose_rdata(target),
        }
    }

    fn compose_canonical_rdata<Target: Composer + ?Sized>(
        &self,
        target: &mut Target,
    ) -> Result<(), Target::AppendError> {
        // Only signatures need the canonical form, and there are none.
        self.compose_rdata(target)
    }
}
