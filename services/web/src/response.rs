//! Responses, complete before the first request comes (RFC 9112 section 4).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Refusal {
    BadRequest,
    NotFound,
    MethodNotAllowed,
    LengthRequired,
    PreconditionFailed,
    ContentTooLarge,
    TargetTooLong,
    FieldsTooLarge,
    NotImplemented,
    Unavailable,
    VersionNotSupported,
}

/// What every resource allows.
const ALLOW: &str = "Allow: GET, HEAD, OPTIONS\r\n";

impl Refusal {
    /// All of them, in the order of their discriminants.
    pub(crate) const ALL: [Self; 11] = [
        Self::BadRequest,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::LengthRequired,
        Self::PreconditionFailed,
        Self::ContentTooLarge,
        Self::TargetTooLong,
        Self::FieldsTooLarge,
        Self::NotImplemented,
        Self::Unavailable,
        Self::VersionNotSupported,
    ];

    const fn status(self) -> (u16, &'static str) {
        match self {
            Self::BadRequest => (400, "Bad Request"),
            Self::NotFound => (404, "Not Found"),
            Self::MethodNotAllowed => (405, "Method Not Allowed"),
            Self::LengthRequired => (411, "Length Required"),
            Self::PreconditionFailed => (412, "Precondition Failed"),
            Self::ContentTooLarge => (413, "Content Too Large"),
            Self::TargetTooLong => (414, "URI Too Long"),
            Self::FieldsTooLarge => (431, "Request Header Fields Too Large"),
            Self::NotImplemented => (501, "Not Implemented"),
            Self::Unavailable => (503, "Service Unavailable"),
            Self::VersionNotSupported => (505, "HTTP Version Not Supported"),
        }
    }
}

/// What a response says about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// HTTP/1.1, which goes on unless it says otherwise.
    Implied,
    /// HTTP/1.0, which ends unless it says otherwise.
    KeepAlive,
    /// The connection ends.
    Close,
}

/// A response in all its forms.
#[derive(Debug)]
pub(crate) struct Response {
    status: u16,
    /// The head that says nothing of the connection, and the content.
    whole: Box<[u8]>,
    /// The length of that head.
    head: usize,
    keep_alive: Box<[u8]>,
    close: Box<[u8]>,
}

impl Response {
    /// `content` becomes the whole where it is: a large one has no room beside itself.
    fn new(status: (u16, &str), fields: &str, content: Vec<u8>) -> Self {
        let head = |connection: &str| {
            format!("HTTP/1.1 {} {}\r\n{fields}{connection}\r\n", status.0, status.1)
        };
        let implied = head("");
        let mut whole = content;
        whole.reserve_exact(implied.len());
        whole.extend_from_slice(implied.as_bytes());
        whole.rotate_right(implied.len());
        Self {
            status: status.0,
            whole: whole.into(),
            head: implied.len(),
            keep_alive: head("Connection: keep-alive\r\n").into_bytes().into(),
            close: head("Connection: close\r\n").into_bytes().into(),
        }
    }

    /// 200 with its content.
    pub(crate) fn found(media_type: &str, etag: &str, content: Vec<u8>) -> Self {
        let length = content.len();
        let fields =
            format!("Content-Type: {media_type}\r\nContent-Length: {length}\r\nETag: {etag}\r\n");
        Self::new((200, "OK"), &fields, content)
    }

    /// 304, RFC 9110 section 15.4.5.
    pub(crate) fn unchanged(etag: &str) -> Self {
        Self::new((304, "Not Modified"), &format!("ETag: {etag}\r\n"), Vec::new())
    }

    /// What may be done with a resource, RFC 9110 section 9.3.7.
    pub(crate) fn options() -> Self {
        Self::new((204, "No Content"), ALLOW, Vec::new())
    }

    /// A refusal with its problem details, RFC 9457.
    pub(crate) fn refusal(refusal: Refusal) -> Self {
        let (status, title) = refusal.status();
        let content = format!("{{\"title\":\"{title}\",\"status\":{status}}}\n");
        let mut fields = String::new();
        if refusal == Refusal::MethodNotAllowed {
            fields.push_str(ALLOW);
        }
        let length = content.len();
        fields.push_str("Content-Type: application/problem+json\r\n");
        fields.push_str(&format!("Content-Length: {length}\r\n"));
        Self::new((status, title), &fields, content.into_bytes())
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// What is left after `offset` bytes, up to where memory is contiguous.
    pub(crate) fn piece(&self, persistence: Persistence, content: bool, offset: usize) -> &[u8] {
        let end = if content { self.whole.len() } else { self.head };
        let head = match persistence {
            Persistence::Implied => return self.whole.get(offset..end).unwrap_or_default(),
            Persistence::KeepAlive => &self.keep_alive,
            Persistence::Close => &self.close,
        };
        if let Some(rest) = head.get(offset..).filter(|rest| !rest.is_empty()) {
            return rest;
        }
        self.whole.get(self.head + offset - head.len()..end).unwrap_or_default()
    }
}
