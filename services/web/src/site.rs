//! The resources, with every response ready to be sent.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use service_config as config;

use crate::digest::Digest;
use crate::limits;
use crate::pages::{self, Pages};
use crate::request::{Method, Request, holds_etag, holds_strong_etag};
use crate::response::{Refusal, Response};
use crate::target;

/// A web server's resources.
#[derive(Debug)]
pub struct Site {
    /// Sorted by path.
    resources: Vec<Resource>,
    /// The refusals in their order, the answer to OPTIONS, then what the resources refer to.
    responses: Vec<Response>,
}

#[derive(Debug)]
struct Resource {
    /// Decoded.
    path: Box<[u8]>,
    etag: Box<str>,
    found: ResponseId,
    unchanged: ResponseId,
}

/// Which of a site's responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResponseId(usize);

impl From<Refusal> for ResponseId {
    fn from(refusal: Refusal) -> Self {
        Self(refusal as usize)
    }
}

/// The answer to OPTIONS, behind the refusals.
const OPTIONS: ResponseId = ResponseId(Refusal::ALL.len());
/// The target of OPTIONS for the server as a whole (RFC 9112 section 3.2.4).
const SERVER: &str = "*";

impl Site {
    /// Prepares the responses for the resources of a configuration and for the collection of them.
    /// Each resource is given up for its response: together they would be twice the site.
    #[cold]
    pub fn new(resources: Vec<config::Resource>) -> Result<Self, SiteError> {
        let mut responses: Vec<Response> = Refusal::ALL.map(Response::refusal).into();
        responses.push(Response::options());
        // Each page has an item in the collection.
        let mut prepared = Vec::with_capacity(2 * resources.len() + 1);
        let mut site = Self { resources: Vec::new(), responses };
        let mut pages = Pages::new();
        for resource in resources {
            let digest = Digest::of(&resource.media_type, resource.body.as_bytes());
            let item = pages.add(&resource, &digest);
            let config::Resource { path, media_type, body } = resource;
            prepared.push(site.prepare(&path, &media_type, &digest, body.into_bytes())?);
            if let Some((path, item)) = item {
                prepared.push(site.prepare_json(&path, item)?);
            }
        }
        prepared.push(site.prepare_json(pages::COLLECTION, pages.collection())?);
        prepared.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        if let Some(pair) = prepared.windows(2).find(|pair| pair[0].path == pair[1].path) {
            let path = String::from_utf8_lossy(&pair[0].path).to_string();
            return Err(SiteError { path, reason: "two resources have this path" });
        }
        site.resources = prepared;
        Ok(site)
    }

    fn prepare_json(&mut self, path: &str, content: String) -> Result<Resource, SiteError> {
        const JSON: &str = "application/json";
        self.prepare(path, JSON, &Digest::of(JSON, content.as_bytes()), content.into_bytes())
    }

    fn prepare(
        &mut self,
        path: &str,
        media_type: &str,
        digest: &Digest,
        content: Vec<u8>,
    ) -> Result<Resource, SiteError> {
        let refuse = |reason| SiteError { path: path.into(), reason };
        if !path.starts_with('/') {
            return Err(refuse("a path begins with a slash"));
        }
        if path.len() > limits::TARGET || target::path(path) != Some(path) {
            return Err(refuse("a path that no request can name"));
        }
        let mut buffer = [0; limits::TARGET];
        let decoded = target::decode(path, &mut buffer)
            .map_err(|_| refuse("a path whose encoding no request can have"))?;
        let media = media_type.as_bytes();
        if media.is_empty() || !media.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(refuse("a media type that no field can hold"));
        }
        self.responses.push(Response::found(media_type, &digest.etag, content));
        self.responses.push(Response::unchanged(&digest.etag));
        Ok(Resource {
            path: decoded.into(),
            etag: digest.etag.as_str().into(),
            found: ResponseId(self.responses.len() - 2),
            unchanged: ResponseId(self.responses.len() - 1),
        })
    }

    /// What answers `request`.
    pub(crate) fn answer(&self, request: &Request<'_>) -> ResponseId {
        match request.method {
            Method::Options if request.path == SERVER => return OPTIONS,
            Method::Unknown => return Refusal::NotImplemented.into(),
            _ => {}
        }
        let found = if request.path.contains('%') {
            self.find_encoded(request.path)
        } else {
            self.find(request.path.as_bytes())
        };
        let resource = match found {
            Ok(resource) => resource,
            Err(refusal) => return refusal.into(),
        };
        match request.method {
            Method::Get | Method::Head => resource.answer(request),
            Method::Options => OPTIONS,
            Method::Other | Method::Unknown => Refusal::MethodNotAllowed.into(),
        }
    }

    fn find(&self, path: &[u8]) -> Result<&Resource, Refusal> {
        let index = self.resources.binary_search_by(|one| (*one.path).cmp(path));
        index.map(|index| &self.resources[index]).map_err(|_| Refusal::NotFound)
    }

    fn find_encoded(&self, path: &str) -> Result<&Resource, Refusal> {
        let mut buffer = [0; limits::TARGET];
        self.find(target::decode(path, &mut buffer)?)
    }

    pub(crate) fn response(&self, id: ResponseId) -> &Response {
        &self.responses[id.0]
    }
}

impl Resource {
    /// What answers GET, in the order of RFC 9110 section 13.2.2.
    fn answer(&self, request: &Request<'_>) -> ResponseId {
        let etag = self.etag.as_bytes();
        if request.if_match.is_some_and(|list| !holds_strong_etag(list, etag)) {
            Refusal::PreconditionFailed.into()
        } else if holds_etag(request.if_none_match, etag) {
            self.unchanged
        } else {
            self.found
        }
    }
}

/// A resource that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteError {
    path: String,
    reason: &'static str,
}

impl fmt::Display for SiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

impl core::error::Error for SiteError {}
