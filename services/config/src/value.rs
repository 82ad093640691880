//! A document as a tree, before it means anything.
//!
//! Types that were derived would read documents too, at many times the code, and code is what a
//! unikernel's image is made of.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A JSON value (RFC 8259), with no numbers but those that documents have.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(u64),
    /// A number that is negative or not whole.
    OtherNumber,
    Text(String),
    List(Vec<Value>),
    /// Members in the order they are written, each key once.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// Reads a whole document; trailing NULs are not part of it.
    pub(crate) fn parse(document: &[u8]) -> Result<Self, serde_json::Error> {
        let end = document.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let mut reader = serde_json::Deserializer::from_slice(&document[..end]);
        let value = Self::deserialize(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::OtherNumber => "a number that is negative or not whole",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(u64::try_from(value).map_or(Value::OtherNumber, Value::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::OtherNumber)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members: Vec<(String, Value)> = Vec::new();
        while let Some((key, value)) = object.next_entry::<String, Value>()? {
            if members.iter().any(|(other, _)| *other == key) {
                return Err(A::Error::custom(format_args!("duplicate field `{key}`")));
            }
            members.push((key, value));
        }
        Ok(Value::Object(members))
    }
}
