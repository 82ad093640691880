//! A document as a tree, before it means anything.
//!
//! Types that were derived would read documents too, at many times the code, and code is what a
//! unikernel's image is made of. A list is read item by item, when it is asked for: the whole tree of
//! thousands of rules is ten times their text.

use alloc::borrow::Cow;
use alloc::vec::Vec;

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
    List(Vec<&'de str>),
    /// Members in the order they are written, each key once.
    Object(Vec<(Cow<'de, str>, Value<'de>)>),
}

impl Value<'_> {
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
