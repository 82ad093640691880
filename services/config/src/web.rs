//! What a web node serves.

use alloc::string::String;
use alloc::vec::Vec;
use base64ct::{Base64, Encoding};
use serde::Serialize;

use crate::ConfigError;
use crate::read::{Object, Path, Read};
use crate::value::Value;

/// The resources of a web server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Web {
    /// The TCP port.
    pub port: u16,
    /// The resources, one a path.
    pub resources: Vec<Resource>,
}

/// What is answered at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "Text")]
pub struct Resource {
    /// The path as a URL has it (RFC 3986 section 3.3), beginning with `/`.
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

    /// The bytes, without a copy of them.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl Read for Web {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let mut object = Object::new(value, path)?;
        let web = Self { port: object.required("port")?, resources: object.required("resources")? };
        object.finish()?;
        Ok(web)
    }
}

impl Read for Resource {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let mut object = Object::new(value, path)?;
        let (name, media_type) = (object.required("path")?, object.required("type")?);
        let text: Option<String> = object.optional("body")?;
        let encoded: Option<String> = object.optional("base64")?;
        object.finish()?;
        let body = match (text, encoded) {
            (Some(text), None) => Body::Text(text),
            (None, Some(encoded)) => {
                let bytes = Base64::decode_vec(&encoded);
                Body::Binary(bytes.map_err(|_| path.error(&"base64 that is not"))?)
            }
            _ => return Err(path.error(&"a resource has either `body` or `base64`")),
        };
        Ok(Self { path: name, media_type, body })
    }
}

/// How a resource is written.
#[derive(Serialize)]
struct Text {
    path: String,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
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
