//! What is asked for.
//!
//! The connection ends with the answer, so that nothing behind the first line has a meaning: no
//! field is read, and none can frame anything wrongly. The web server's reader knows them all, and
//! is many times this one's size.

use crate::connection::HEAD;

const PATH: &[u8] = b"/metrics";

/// A request for the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Whether the page itself is wanted, not only its head.
    pub content: bool,
}

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    BadRequest,
    NotFound,
    MethodNotAllowed,
    TooLarge,
}

impl Request {
    /// Reads a head; `None` if it is not all there yet.
    pub(crate) fn parse(head: &[u8]) -> Option<Result<Self, Refusal>> {
        if !head.windows(4).any(|end| end == b"\r\n\r\n") {
            return (head.len() >= HEAD).then_some(Err(Refusal::TooLarge));
        }
        let end = head.iter().position(|byte| *byte == b'\r')?;
        let mut words = head[..end].split(|byte| *byte == b' ');
        let (method, target) = (words.next()?, words.next().unwrap_or_default());
        let version = words.next().unwrap_or_default();
        let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        Some(if !version.starts_with(b"HTTP/1.") || words.next().is_some() {
            Err(Refusal::BadRequest)
        } else if path != PATH {
            Err(Refusal::NotFound)
        } else {
            match method {
                b"GET" => Ok(Self { content: true }),
                b"HEAD" => Ok(Self { content: false }),
                _ => Err(Refusal::MethodNotAllowed),
            }
        })
    }
}
