//! What a query asks (RFC 1035 section 4.1, RFC 6891 section 6.1).

use domain::base::iana::{Class, Opcode, Rcode, Rtype};
use domain::base::name::ToName;
use domain::base::opt::{Opt, OptRecord};
use domain::base::{Header, Message};

use crate::name::Name;

/// A query for one name.
pub(crate) struct Query<'a> {
    pub header: Header,
    /// The name in the case of the client.
    pub name: &'a Name,
    pub rtype: Rtype,
    pub class: Class,
    pub edns: Option<Edns>,
}

/// What a client says of itself.
#[derive(Clone, Copy)]
pub(crate) struct Edns {
    /// The longest UDP message that it takes, in bytes.
    pub payload: u16,
    pub version: u8,
    pub dnssec_ok: bool,
}

impl<'a> Query<'a> {
    /// Reads a message, which is not a response; `Err` is how to refuse what cannot be read.
    pub(crate) fn parse(message: &'a Message<[u8]>) -> Result<Self, Rcode> {
        let header = message.header();
        if header.opcode() != Opcode::QUERY {
            return Err(Rcode::NOTIMP);
        }
        let counts = message.header_counts();
        if header.tc() || counts.qdcount() != 1 || counts.ancount() != 0 || counts.nscount() != 0 {
            return Err(Rcode::FORMERR);
        }
        let question = message.sole_question().map_err(|_| Rcode::FORMERR)?;
        // Nothing stands before the question that it could point to.
        let length = question.qname().as_flat_slice().ok_or(Rcode::FORMERR)?.len();
        let wire = message.as_slice().get(12..12 + length).ok_or(Rcode::FORMERR)?;
        Ok(Self {
            header,
            name: Name::from_slice(wire).map_err(|_| Rcode::FORMERR)?,
            rtype: question.qtype(),
            class: question.qclass(),
            edns: edns(message)?,
        })
    }
}

fn edns(message: &Message<[u8]>) -> Result<Option<Edns>, Rcode> {
    if message.header_counts().arcount() == 0 {
        return Ok(None);
    }
    let mut edns = None;
    for record in message.additional().map_err(|_| Rcode::FORMERR)? {
        let record = record.map_err(|_| Rcode::FORMERR)?;
        if record.rtype() != Rtype::OPT {
            continue;
        }
        let root = record.owner().as_flat_slice() == Some(b"\0");
        let record = record.into_record::<Opt<_>>().map_err(|_| Rcode::FORMERR)?;
        let record = OptRecord::from(record.ok_or(Rcode::FORMERR)?);
        let one = Edns {
            payload: record.udp_payload_size(),
            version: record.version(),
            dnssec_ok: record.dnssec_ok(),
        };
        if !root || edns.replace(one).is_some() {
            return Err(Rcode::FORMERR);
        }
    }
    Ok(edns)
}
