//! From a query to its response.

use core::cell::RefCell;
use core::net::IpAddr;
use domain::base::iana::{Class, OptRcode, Rcode, Rtype};
use domain::base::message_builder::{
    AdditionalBuilder, AnswerBuilder, AuthorityBuilder, MessageBuilder, PushError, StaticCompressor,
};

use domain::base::{Header, Message};
use service_config as config;
use service_core::Instant;

use crate::name::Name;
use crate::query::{Edns, Query};
use crate::rate::{Limits, Verdict};
use crate::rdata::{Data, Rdata};
use crate::target::Target;
use crate::zone::{Found, Node, Rrset, Zone, Zones};
use crate::{Counters, UDP_PAYLOAD, ZoneError};

/// The least that every client takes over UDP (RFC 1035 section 4.2.1).
const UDP_LEAST: usize = 512;
/// The length of our OPT record, which has no options.
const OPT: usize = 11;
/// The most aliases that are followed within one answer.
const ALIASES: usize = 8;

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram, RFC 1035 section 4.2.1.
    Udp,
    /// On a stream, RFC 7766.
    Tcp,
}

/// The server and its zones.
#[derive(Debug)]
pub struct Server {
    zones: Zones,
    /// How often clients are answered over UDP, where that is limited.
    limits: Option<RefCell<Limits>>,
}

/// A response that was written.
pub(crate) struct Response {
    pub length: usize,
    rcode: Rcode,
    pub truncated: bool,
}

type Compressor<'a> = StaticCompressor<Target<'a>>;

impl Server {
    /// Reads the zones of a configuration.
    pub fn new(dns: &config::Dns) -> Result<Self, ZoneError> {
        let limits = dns.rate_limit.map(|rate| RefCell::new(Limits::new(rate)));
        Ok(Self { zones: Zones::new(dns)?, limits })
    }

    /// Answers a datagram that came from `client` at `now` into `out`, as [`answer`](Self::answer)
    /// does, but no more often than the configuration allows; `None` for no answer.
    pub fn answer_datagram(
        &self,
        counters: &mut Counters,
        client: IpAddr,
        now: Instant,
        query: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        let judge = |limits: &RefCell<Limits>| limits.borrow_mut().judge(client, now);
        match self.limits.as_ref().map_or(Verdict::Send, judge) {
            Verdict::Send => return self.answer(counters, Transport::Udp, query, out),
            Verdict::Truncate => {
                let response = slip(query, out);
                count(counters, Transport::Udp, response.as_ref());
                if let Some(response) = response {
                    counters.rate_truncated += 1;
                    return Some(response.length);
                }
            }
            Verdict::Drop => counters.rate_dropped += 1,
        }
        None
    }

    /// Answers `query` into `out`; returns the length of the response, `None` for messages that
    /// are not to be answered.
    ///
    /// `out` should hold [`UDP_PAYLOAD`] bytes for UDP and 65535 for TCP: what does not fit is
    /// marked truncated. Less than 512 bytes may hold no response at all.
    pub fn answer(
        &self,
        counters: &mut Counters,
        transport: Transport,
        query: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        let response = self.respond(transport, query, out);
        count(counters, transport, response.as_ref());
        response.map(|response| response.length)
    }

    /// What [`answer`](Self::answer) does, without counting.
    pub(crate) fn respond(
        &self,
        transport: Transport,
        query: &[u8],
        out: &mut [u8],
    ) -> Option<Response> {
        let message = Message::from_slice(query).ok()?;
        if message.header().qr() {
            return None;
        }
        let query = match Query::parse(message) {
            Ok(query) => query,
            Err(rcode) => return refusal(message.header(), rcode, out),
        };
        let limit = match (transport, query.edns) {
            (Transport::Tcp, _) => out.len().min(usize::from(u16::MAX)),
            (Transport::Udp, None) => out.len().min(UDP_LEAST),
            (Transport::Udp, Some(edns)) => {
                out.len().min(usize::from(edns.payload).clamp(UDP_LEAST, UDP_PAYLOAD))
            }
        };
        let out = &mut out[..limit];
        let complete = self.compose(&query, out).map(|(length, rcode)| Response {
            length,
            rcode,
            truncated: false,
        });
        complete.or_else(|_| truncated(&query, out)).ok()
    }

    fn compose(&self, query: &Query<'_>, out: &mut [u8]) -> Result<(usize, Rcode), PushError> {
        let room = if query.edns.is_some() { out.len().saturating_sub(OPT) } else { out.len() };
        let mut answer = start(query, out)?;
        answer.set_push_limit(room);
        if query.edns.is_some_and(|edns| edns.version > 0) {
            return finish(query, answer.additional(), OptRcode::BADVERS);
        }
        let transfer = matches!(query.rtype, Rtype::AXFR | Rtype::IXFR);
        if query.class != Class::IN || transfer {
            return finish(query, answer.additional(), Rcode::REFUSED.into());
        }
        let (answer, ending) = self.follow(query, answer)?;
        let mut authority = answer.authority();
        let mut rcode = Rcode::NOERROR;
        let servers = match ending {
            Ending::Complete(rrset) => Some(rrset).filter(|rrset| rrset.rtype == Rtype::NS),
            Ending::Absent(zone, absence) => {
                rcode = absence;
                push_soa(&mut authority, zone)?;
                None
            }
            Ending::Delegated(node) => {
                let servers = node.rrset(Rtype::NS);
                if let Some(rrset) = servers {
                    push_all(rrset, |rdata| push_authority(&mut authority, node, rrset, rdata))?;
                }
                servers
            }
            Ending::Elsewhere(refusal) => {
                rcode = refusal;
                None
            }
        };
        let mut additional = authority.additional();
        if let Some(servers) = servers
            && let Err(full) = self.push_glue(&mut additional, servers)
            // Only a referral is useless without (RFC 9471).
            && matches!(ending, Ending::Delegated(_))
        {
            return Err(full);
        }
        finish(query, additional, rcode.into())
    }

    /// Writes the answer section, along aliases.
    fn follow<'a, 'b>(
        &'a self,
        query: &Query<'_>,
        mut answer: AnswerBuilder<Compressor<'b>>,
    ) -> Result<(AnswerBuilder<Compressor<'b>>, Ending<'a>), PushError> {
        let mut alias: Option<&'a Name> = None;
        for _ in 0..=ALIASES {
            let owner = alias.unwrap_or(query.name);
            let (zone, node) = match self.zones.find(owner) {
                Found::Node(zone, node) => (zone, node),
                Found::Missing(zone) => {
                    answer.header_mut().set_aa(true);
                    return Ok((answer, Ending::Absent(zone, Rcode::NXDOMAIN)));
                }
                Found::Delegated(cut) => return Ok((answer, Ending::Delegated(cut))),
                Found::Elsewhere => {
                    let refusal = if alias.is_some() { Rcode::NOERROR } else { Rcode::REFUSED };
                    return Ok((answer, Ending::Elsewhere(refusal)));
                }
            };
            answer.header_mut().set_aa(true);
            let mut push = |rrset: &Rrset| {
                push_all(rrset, |rdata| answer.push((owner, Class::IN, rrset.ttl, rdata)))
            };
            if let Some(rrset) = node.answer(query.rtype) {
                push(rrset)?;
                return Ok((answer, Ending::Complete(rrset)));
            }
            let Some(rrset) = node.rrset(Rtype::CNAME) else {
                return Ok((answer, Ending::Absent(zone, Rcode::NOERROR)));
            };
            push(rrset)?;
            match rrset.data.first() {
                Some(Data::Name(target)) => alias = Some(target.for_slice()),
                _ => break,
            }
        }
        // Aliases that lead nowhere: the client has what there is.
        Ok((answer, Ending::Elsewhere(Rcode::NOERROR)))
    }

    /// Writes the addresses of name servers, where they are known here.
    fn push_glue(
        &self,
        additional: &mut AdditionalBuilder<Compressor<'_>>,
        servers: &Rrset,
    ) -> Result<(), PushError> {
        for server in &servers.data {
            let Data::Name(name) = server else { continue };
            let Some(node) = self.zones.node(name.for_slice()) else { continue };
            for rtype in [Rtype::A, Rtype::AAAA] {
                let Some(rrset) = node.rrset(rtype) else { continue };
                push_all(rrset, |rdata| {
                    additional.push((&node.name, Class::IN, rrset.ttl, rdata))
                })?;
            }
        }
        Ok(())
    }
}

/// How an answer section ends, and so what goes behind it.
#[derive(Clone, Copy)]
enum Ending<'a> {
    /// With what was asked for.
    Complete(&'a Rrset),
    /// With nothing of the type, or no such name.
    Absent(&'a Zone, Rcode),
    /// Where another server goes on.
    Delegated(&'a Node),
    /// Outside of all zones.
    Elsewhere(Rcode),
}

fn push_all(
    rrset: &Rrset,
    mut push: impl FnMut(Rdata<'_>) -> Result<(), PushError>,
) -> Result<(), PushError> {
    rrset.data.iter().try_for_each(|data| push(Rdata { rtype: rrset.rtype, data }))
}

fn push_authority(
    authority: &mut AuthorityBuilder<Compressor<'_>>,
    node: &Node,
    rrset: &Rrset,
    rdata: Rdata<'_>,
) -> Result<(), PushError> {
    authority.push((&node.name, Class::IN, rrset.ttl, rdata))
}

/// The record that says how long an absence lasts (RFC 2308 section 3).
fn push_soa(
    authority: &mut AuthorityBuilder<Compressor<'_>>,
    zone: &Zone,
) -> Result<(), PushError> {
    let rdata = Rdata { rtype: Rtype::SOA, data: &zone.soa };
    authority.push((&zone.origin, Class::IN, zone.negative_ttl, rdata))
}

/// A response with its header and its question.
fn start<'a>(
    query: &Query<'_>,
    out: &'a mut [u8],
) -> Result<AnswerBuilder<Compressor<'a>>, PushError> {
    let mut builder = MessageBuilder::from_target(StaticCompressor::new(Target::new(out)))?;
    set_header(builder.header_mut(), query.header);
    let mut question = builder.question();
    question.push((query.name, query.rtype, query.class))?;
    Ok(question.answer())
}

/// The end of a response: its code, and our OPT record if the client sent one.
fn finish(
    query: &Query<'_>,
    mut additional: AdditionalBuilder<Compressor<'_>>,
    rcode: OptRcode,
) -> Result<(usize, Rcode), PushError> {
    additional.header_mut().set_rcode(rcode.rcode());
    additional.clear_push_limit();
    if let Some(Edns { dnssec_ok, .. }) = query.edns {
        additional.opt(|opt| {
            opt.set_rcode(rcode);
            opt.set_udp_payload_size(UDP_PAYLOAD as u16);
            opt.set_dnssec_ok(dnssec_ok);
            Ok(())
        })?;
    }
    Ok((additional.finish().as_target().len(), rcode.rcode()))
}

/// The question alone: the client is to ask again over TCP (RFC 2181 section 9).
fn truncated(query: &Query<'_>, out: &mut [u8]) -> Result<Response, PushError> {
    let mut answer = start(query, out)?;
    answer.header_mut().set_tc(true);
    answer.header_mut().set_aa(true);
    let (length, rcode) = finish(query, answer.additional(), Rcode::NOERROR.into())?;
    Ok(Response { length, rcode, truncated: true })
}

/// What is sent beyond the rate: the question alone, to those that ask properly.
fn slip(query: &[u8], out: &mut [u8]) -> Option<Response> {
    let message = Message::from_slice(query).ok().filter(|message| !message.header().qr())?;
    let query = Query::parse(message).ok()?;
    let room = out.len().min(UDP_LEAST);
    truncated(&query, &mut out[..room]).ok()
}

/// The header alone.
fn refusal(query: Header, rcode: Rcode, out: &mut [u8]) -> Option<Response> {
    let mut builder = MessageBuilder::from_target(Target::new(out)).ok()?;
    set_header(builder.header_mut(), query);
    builder.header_mut().set_rcode(rcode);
    Some(Response { length: builder.finish().len(), rcode, truncated: false })
}

fn set_header(header: &mut Header, query: Header) {
    header.set_id(query.id());
    header.set_qr(true);
    header.set_opcode(query.opcode());
    header.set_rd(query.rd());
}

pub(crate) fn count(counters: &mut Counters, transport: Transport, response: Option<&Response>) {
    let Some(response) = response else {
        counters.ignored += 1;
        return;
    };
    counters.queries += 1;
    match transport {
        Transport::Udp => counters.answers_udp += 1,
        Transport::Tcp => counters.answers_tcp += 1,
    }
    match response.rcode {
        Rcode::NXDOMAIN => counters.nxdomain += 1,
        Rcode::REFUSED => counters.refused += 1,
        Rcode::FORMERR => counters.formerr += 1,
        Rcode::NOTIMP => counters.notimp += 1,
        _ => {}
    }
    counters.truncated += u64::from(response.truncated);
}
