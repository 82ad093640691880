//! Request heads, RFC 9112 sections 2 to 6.

use core::mem::MaybeUninit;

use crate::limits;
use crate::response::Refusal;
use crate::target;

/// What a client asks for, as far as this server cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub method: Method,
    /// The path, still encoded; beginning with `/`.
    pub path: &'a str,
    /// Whether the connection goes on after the response.
    pub persistent: bool,
    /// HTTP/1.0, whose clients must be told if the connection goes on.
    pub old: bool,
    /// The length of the content that follows.
    pub length: u64,
    /// The client waits for leave to send its content (RFC 9110 section 10.1.1).
    pub expects: bool,
    /// The entity tags that the client holds; empty for none.
    pub if_none_match: &'a [u8],
    /// The entity tags of which the resource must have one (RFC 9110 section 13.1.1).
    pub if_match: Option<&'a [u8]>,
}

/// What is done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Options,
    /// One of the others of RFC 9110 and RFC 5789, which no resource here allows.
    Other,
    Unknown,
}

impl Method {
    fn parse(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "OPTIONS" => Self::Options,
            "POST" | "PUT" | "DELETE" | "CONNECT" | "TRACE" | "PATCH" => Self::Other,
            _ => Self::Unknown,
        }
    }
}

impl<'a> Request<'a> {
    /// Reads the head that `input` begins with and returns its length too; `Ok(None)` if it is
    /// not all there yet, `Err` if it must be refused and the connection closed.
    pub(crate) fn parse(input: &'a [u8]) -> Result<Option<(usize, Self)>, Refusal> {
        let input = &input[..input.len().min(limits::HEAD)];
        let mut fields = [const { MaybeUninit::uninit() }; limits::FIELDS];
        let mut head = httparse::Request::new(&mut []);
        let length = match head.parse_with_uninit_headers(input, &mut fields) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if input.len() < limits::HEAD => return Ok(None),
            Ok(httparse::Status::Partial) => return Err(too_large(input)),
            Err(httparse::Error::TooManyHeaders) => return Err(Refusal::FieldsTooLarge),
            Err(httparse::Error::Version) => return Err(Refusal::VersionNotSupported),
            Err(_) => return Err(Refusal::BadRequest),
        };
        if has_bare_line_feed(&input[..length]) {
            return Err(Refusal::BadRequest);
        }
        let (Some(method), Some(target), Some(version)) = (head.method, head.path, head.version)
        else {
            return Err(Refusal::BadRequest);
        };
        if target.len() > limits::TARGET {
            return Err(Refusal::TargetTooLong);
        }
        let fields = Fields::read(head.headers)?;
        let old = version == 0;
        if fields.hosts > 1 || (fields.hosts == 0 && !old) {
            return Err(Refusal::BadRequest);
        }
        let content = fields.content_length(old)?;
        // The targets of OPTIONS and CONNECT have forms of their own (RFC 9112 section 3.2).
        let path = match target::path(target) {
            Some(path) => path,
            None if method == "OPTIONS" && target == "*" => target,
            None if method == "CONNECT" => "/",
            None => return Err(Refusal::BadRequest),
        };
        let request = Self {
            method: Method::parse(method),
            path,
            persistent: !fields.close && (!old || fields.keep_alive),
            old,
            length: content,
            expects: fields.expects && content > 0,
            if_none_match: fields.if_none_match,
            if_match: fields.if_match,
        };
        Ok(Some((length, request)))
    }
}

/// Which limit a head that is too long has broken.
fn too_large(input: &[u8]) -> Refusal {
    let line = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    if line > limits::TARGET { Refusal::TargetTooLong } else { Refusal::FieldsTooLarge }
}

/// The fields that matter here.
#[derive(Default)]
struct Fields<'a> {
    hosts: usize,
    close: bool,
    keep_alive: bool,
    expects: bool,
    length: Option<u64>,
    codings: usize,
    coding: &'a [u8],
    if_none_match: &'a [u8],
    if_match: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn read(headers: &[httparse::Header<'a>]) -> Result<Self, Refusal> {
        let mut fields = Self::default();
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            let value = header.value;
            match header.name.len() {
                4 if is("host") => {
                    fields.hosts += 1;
                    if !is_host(value) {
                        return Err(Refusal::BadRequest);
                    }
                }
                6 if is("expect") => fields.expects = true,
                8 if is("if-match") => {
                    // Several fields are one list; refusing is safe, and nobody sends them.
                    fields.if_match = Some(if fields.if_match.is_none() { value } else { b"" });
                }
                10 if is("connection") => {
                    for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                        fields.close |= option.eq_ignore_ascii_case(b"close");
                        fields.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                13 if is("if-none-match") => {
                    // Several fields are one list; answering without the condition is always
                    // right, and nobody sends them.
                    fields.if_none_match =
                        if fields.if_none_match.is_empty() { value } else { b"\"" };
                }
                14 if is("content-length") => {
                    // RFC 9112 section 6.3: anything but one number is a smuggler's.
                    let length = decimal(value).filter(|_| fields.length.is_none());
                    fields.length = Some(length.ok_or(Refusal::BadRequest)?);
                }
                17 if is("transfer-encoding") => {
                    fields.codings += 1;
                    fields.coding = value;
                }
                _ => {}
            }
        }
        Ok(fields)
    }

    /// The length of the content, where this server can know it (RFC 9112 section 6.3).
    fn content_length(&self, old: bool) -> Result<u64, Refusal> {
        match (self.codings, self.length.unwrap_or(0)) {
            (0, length) if length <= limits::CONTENT => Ok(length),
            (0, _) => Err(Refusal::ContentTooLarge),
            (1, _) if self.length.is_none() && !old => {
                // No resource takes content, so that one of unknown length may be refused.
                if self.coding.eq_ignore_ascii_case(b"chunked") {
                    Err(Refusal::LengthRequired)
                } else {
                    Err(Refusal::NotImplemented)
                }
            }
            _ => Err(Refusal::BadRequest),
        }
    }
}

/// Whether a line ends in a line feed alone, which others may take for no end at all: where two
/// servers disagree about lines, a request is smuggled (RFC 9112 sections 2.2 and 11.2).
fn has_bare_line_feed(head: &[u8]) -> bool {
    head.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r')
}

/// Digits alone, no sign and no space within; `None` if they are too many.
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Whether all bytes can stand in a host and port, RFC 3986 section 3.2.
fn is_host(value: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:[]%".contains(byte);
    value.iter().all(allowed)
}

/// Whether a list of entity tags holds `etag` by weak comparison (RFC 9110 section 13.1.2).
pub(crate) fn holds_etag(list: &[u8], etag: &[u8]) -> bool {
    list == b"*" || tags(list).any(|one| one.strip_prefix(b"W/").unwrap_or(one) == etag)
}

/// Whether a list of entity tags holds `etag` by strong comparison (RFC 9110 section 13.1.1).
pub(crate) fn holds_strong_etag(list: &[u8], etag: &[u8]) -> bool {
    list == b"*" || tags(list).any(|one| one == etag)
}

fn tags(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}
