//! From a tree to what it means, with the path of whatever is wrong.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Display};

use crate::value::Value;
use crate::{ConfigError, json};

/// Where in a document a value stands.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    Document,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// An error at this place.
    #[cold]
    pub(crate) fn error(&self, reason: &dyn Display) -> ConfigError {
        ConfigError::new(format!("{self}"), reason)
    }

    #[cold]
    fn mismatch(&self, expected: &str, value: &Value<'_>) -> ConfigError {
        self.error(&format_args!("expected {expected}, found {}", value.kind()))
    }
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document => f.write_str("."),
            Self::Member(Path::Document, key) => f.write_str(key),
            Self::Member(parent, key) => write!(f, "{parent}.{key}"),
            Self::Item(Path::Document, index) => write!(f, "[{index}]"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// What can stand in a document.
pub(crate) trait Read: Sized {
    /// Reads `value`, which stands at `path`.
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError>;
}

/// An object that is being read: each member is taken once, and none may be left.
pub(crate) struct Object<'a> {
    members: Vec<(Cow<'a, str>, Value<'a>)>,
    path: &'a Path<'a>,
}

impl<'a> Object<'a> {
    pub(crate) fn new(value: Value<'a>, path: &'a Path<'a>) -> Result<Self, ConfigError> {
        match value {
            Value::Object(members) => Ok(Self { members, path }),
            other => Err(path.mismatch("an object", &other)),
        }
    }

    /// Takes a member out; not generic, so that there is one copy of it.
    fn take(&mut self, key: &str) -> Option<Value<'a>> {
        let index = self.members.iter().position(|(other, _)| other == key)?;
        Some(self.members.swap_remove(index).1)
    }

    pub(crate) fn optional<T: Read>(&mut self, key: &str) -> Result<Option<T>, ConfigError> {
        match self.take(key) {
            Some(value) => T::read(value, &Path::Member(self.path, key)).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn required<T: Read>(&mut self, key: &str) -> Result<T, ConfigError> {
        match self.take(key) {
            Some(value) => T::read(value, &Path::Member(self.path, key)),
            None => Err(self.missing(key)),
        }
    }

    #[cold]
    fn missing(&self, key: &str) -> ConfigError {
        self.path.error(&format_args!("missing field `{key}`"))
    }

    /// Refuses members that nobody has taken.
    pub(crate) fn finish(self) -> Result<(), ConfigError> {
        match self.members.first() {
            Some((key, _)) => Err(Path::Member(self.path, key).error(&"unknown field")),
            None => Ok(()),
        }
    }
}

impl Read for bool {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        match value {
            Value::Bool(value) => Ok(value),
            other => Err(path.mismatch("a boolean", &other)),
        }
    }
}

impl Read for u64 {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        match value {
            Value::Number(value) => Ok(value),
            other => Err(path.mismatch("a number", &other)),
        }
    }
}

macro_rules! read_number {
    ($($type:ty),*) => {$(
        impl Read for $type {
            fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
                let wide = u64::read(value, path)?;
                let most = <$type>::MAX;
                wide.try_into().map_err(|_| path.error(&format_args!("more than {most}")))
            }
        }
    )*};
}

read_number!(u8, u16, u32);

impl Read for String {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        text(value, path).map(Cow::into_owned)
    }
}

/// The text that a value is.
pub(crate) fn text<'de>(value: Value<'de>, path: &Path<'_>) -> Result<Cow<'de, str>, ConfigError> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(path.mismatch("a string", &other)),
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let mut items = Self::with_capacity(value.length());
        each(value, path, &mut |value, path| {
            items.push(T::read(value, path)?);
            Ok(())
        })?;
        Ok(items)
    }
}

/// Reads the items of a list one by one; not generic, so that there is one copy of it.
fn each(
    value: Value<'_>,
    path: &Path<'_>,
    read: &mut dyn FnMut(Value<'_>, &Path<'_>) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    let values = match value {
        Value::List(values) => values,
        other => return Err(path.mismatch("a list", &other)),
    };
    for (index, text) in values.into_iter().enumerate() {
        let path = Path::Item(path, index);
        let value = json::read(text).map_err(|error| path.error(&error))?;
        read(value, &path)?;
    }
    Ok(())
}

/// An inclusive range, written as a list of two.
impl Read for (u16, u16) {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let ends = Vec::<u16>::read(value, path)?;
        match *ends {
            [first, last] if first <= last => Ok((first, last)),
            [_, _] => Err(path.error(&"a range that ends before it begins")),
            _ => Err(path.error(&"expected a list of two numbers")),
        }
    }
}

/// Reads types from the text that they parse from.
macro_rules! read_text {
    ($($type:ty),*) => {$(
        impl $crate::read::Read for $type {
            fn read(
                value: $crate::value::Value<'_>,
                path: &$crate::read::Path<'_>,
            ) -> Result<Self, $crate::ConfigError> {
                let text = $crate::read::text(value, path)?;
                text.parse().map_err(|error| path.error(&error))
            }
        }
    )*};
}

/// Reads types that are one of a few words, which are written once more in `Serialize`.
macro_rules! read_word {
    ($type:ty, $($word:literal => $variant:ident),*) => {
        impl $crate::read::Read for $type {
            fn read(
                value: $crate::value::Value<'_>,
                path: &$crate::read::Path<'_>,
            ) -> Result<Self, $crate::ConfigError> {
                match &*$crate::read::text(value, path)? {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(path.error(&concat!("expected one of" $(, " ", $word)*))),
                }
            }
        }
    };
}

pub(crate) use {read_text, read_word};
