//! What a web node serves.

use alloc::string::String;
use alloc::vec::Vec;
use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};

/// The resources of a web server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// The TCP port.
    pub port: u16,
    /// The resources, one a path.
    pub resources: Vec<Resource>,
}

/// What is answered at a path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Text", into = "Text")]
pub struct Resource {
    /// The path, decoded, beginning with `/`.
    pub path: String,
    /// The media type, for `Content-Type`.
    pub media_type: String,
    /// The content.
    pub body: Body,
}

/// A resource's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Text, written as it is.
    Text(String),
    /// Anything else, written in base64 (RFC 4648 section 4, padded).
    Binary(Vec<u8>),
}

impl Body {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Text {
    path: String,
    r#type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl TryFrom<Text> for Resource {
    type Error = &'static str;

    fn try_from(text: Text) -> Result<Self, Self::Error> {
        let body = match (text.body, text.base64) {
            (Some(text), None) => Body::Text(text),
            (None, Some(encoded)) => {
                Body::Binary(Base64::decode_vec(&encoded).map_err(|_| "base64 that is not")?)
            }
            _ => return Err("a resource has either `body` or `base64`"),
        };
        Ok(Self { path: text.path, media_type: text.r#type, body })
    }
}

impl From<Resource> for Text {
    fn from(resource: Resource) -> Self {
        let (body, base64) = match resource.body {
            Body::Text(text) => (Some(text), None),
            Body::Binary(bytes) => (None, Some(Base64::encode_string(&bytes))),
        };
        Self { path: resource.path, r#type: resource.media_type, body, base64 }
    }
}
