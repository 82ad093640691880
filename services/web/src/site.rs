//! The resources, with every response ready to be sent.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::hash::Hasher;
use service_config as config;

use crate::limits;
use crate::request::{Method, Request, holds_etag};
use crate::response::{Refusal, Response};
use crate::target;

/// A web server's resources.
#[derive(Debug)]
pub struct Site {
    /// Sorted by path.
    resources: Vec<Resource>,
    /// The refusals in their order, then what the resources refer to.
    responses: Vec<Response>,
}

#[derive(Debug)]
struct Resource {
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

impl Site {
    /// Prepares the responses for the resources of a configuration.
    pub fn new(web: &config::Web) -> Result<Self, SiteError> {
        let mut resources: Vec<Resource> = Vec::with_capacity(web.resources.len());
        let mut responses: Vec<Response> = Refusal::ALL.map(Response::refusal).into();
        for resource in &web.resources {
            let refuse = |reason| SiteError { path: resource.path.clone(), reason };
            if !resource.path.starts_with('/') {
                return Err(refuse("a path begins with a slash"));
            }
            if resource.path.len() > limits::TARGET || resource.path.contains(char::is_control) {
                return Err(refuse("a path that no request can name"));
            }
            let media = resource.media_type.as_bytes();
            if media.is_empty() || !media.iter().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(refuse("a media type that no field can hold"));
            }
            let content = resource.body.as_bytes();
            let etag = etag(&resource.media_type, content);
            responses.push(Response::found(&resource.media_type, &etag, content));
            responses.push(Response::unchanged(&etag));
            resources.push(Resource {
                path: resource.path.as_bytes().into(),
                etag: etag.into(),
                found: ResponseId(responses.len() - 2),
                unchanged: ResponseId(responses.len() - 1),
            });
        }
        resources.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        if let Some(pair) = resources.windows(2).find(|pair| pair[0].path == pair[1].path) {
            let path = String::from_utf8_lossy(&pair[0].path).to_string();
            return Err(SiteError { path, reason: "two resources have this path" });
        }
        Ok(Self { resources, responses })
    }

    /// What answers `request`.
    pub(crate) fn answer(&self, request: &Request<'_>) -> ResponseId {
        match request.method {
            Method::Get | Method::Head => {}
            Method::Other => return Refusal::MethodNotAllowed.into(),
            Method::Unknown => return Refusal::NotImplemented.into(),
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
        if holds_etag(request.if_none_match, resource.etag.as_bytes()) {
            resource.unchanged
        } else {
            resource.found
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

/// A strong entity tag: a hash of what is sent (RFC 9110 section 8.8.3).
fn etag(media_type: &str, content: &[u8]) -> String {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    hash.write(media_type.as_bytes());
    hash.write(content);
    format!("\"{:x}-{:016x}\"", content.len(), hash.finish())
}

/// FNV-1a: what changes a page by accident or by hand changes it.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
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
