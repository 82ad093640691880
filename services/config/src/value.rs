//! A document as a tree, before it means anything.
//!
//! Types that were derived would read documents too, at many times the code, and code is what a
//! unikernel's image is made of. A list is read item by item, when it is asked for: the whole tree of
//! thousands of rules is ten times their text.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON value (RFC 8259), with no numbers but those that documents have.
#[derive(Debug)]
pub(crate) enum Value<'de> {
    Null,
    Bool(bool),
    Number(u64),
    /// A number that is negative or not whole.
    OtherNumber,
    Text(Cow<'de, str>),
    /// Items that are well-formed, and not read yet.
    List(Vec<&'de RawValue>),
    /// Members in the order they are written, each key once.
    Object(Vec<(Cow<'de, str>, Value<'de>)>),
}

impl<'de> Value<'de> {
    /// Reads a whole document; trailing NULs are not part of it.
    pub(crate) fn parse(document: &'de [u8]) -> Result<Self, serde_json::Error> {
        let end = document.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let mut reader = serde_json::Deserializer::from_slice(&document[..end]);
        let value = Self::deserialize(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    /// How many items a list has; none of anything else.
    pub(crate) fn length(&self) -> usize {
        if let Self::List(values) = self { values.len() } else { 0 }
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

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(u64::try_from(value).map_or(Value::OtherNumber, Value::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::OtherNumber)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(text.into()))
    }

    /// Text with escapes, which stands nowhere as it is meant.
    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(String::from(text).into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value<'de>, E> {
        Ok(Value::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value<'de>, A::Error> {
        let mut members: Vec<(Cow<'de, str>, Value<'de>)> = Vec::new();
        // Keys are texts (RFC 8259); the reader's type of them is generic, and this is not.
        while let Some(Value::Text(key)) = object.next_key()? {
            if members.iter().any(|(other, _)| *other == key) {
                return Err(A::Error::custom(format_args!("duplicate field `{key}`")));
            }
            members.push((key, object.next_value()?));
        }
        Ok(Value::Object(members))
    }
}
