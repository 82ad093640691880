//! A reader of JSON (RFC 8259): the part of a library that documents need, at a quarter of its code.
//!
//! It reads what serde_json does, but for keys that stand twice in an object, for what nests deeper
//! than [`DEEPEST`], and for numbers too large for a double, which are numbers here. A property test
//! holds the two together.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Display};

use crate::value::Value;

#[cfg(test)]
mod tests;

/// Objects and lists within each other: documents have six.
const DEEPEST: u8 = 64;

const REPEATED: &str = "a key for the second time";

/// Why a text is no JSON, and at which byte of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoJson {
    reason: &'static str,
    at: usize,
}

impl Display for NoJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.at)
    }
}

/// Reads a text that is one value and white space around it.
pub(crate) fn read(text: &str) -> Result<Value<'_>, NoJson> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.blank();
    let value = reader.value()?;
    reader.blank();
    if reader.at < text.len() { reader.fail("more after the value") } else { Ok(value) }
}

/// Reads bytes likewise; trailing NULs are not part of them.
pub(crate) fn read_bytes(bytes: &[u8]) -> Result<Value<'_>, NoJson> {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    match core::str::from_utf8(&bytes[..end]) {
        Ok(text) => read(text),
        Err(error) => Err(NoJson { reason: "no UTF-8", at: error.valid_up_to() }),
    }
}

struct Reader<'de> {
    text: &'de str,
    at: usize,
    depth: u8,
}

impl<'de> Reader<'de> {
    fn value(&mut self) -> Result<Value<'de>, NoJson> {
        match self.peek() {
            b'{' => {
                let mut members: Vec<(Cow<'de, str>, Value<'de>)> = Vec::new();
                self.sequence(b'}', &mut |reader| {
                    let begin = reader.at;
                    let key = reader.key()?;
                    if members.iter().any(|(other, _)| *other == key) {
                        reader.at = begin;
                        return reader.fail(REPEATED);
                    }
                    members.push((key, reader.value()?));
                    Ok(())
                })?;
                Ok(Value::Object(members))
            }
            b'[' => {
                let mut items = Vec::new();
                self.sequence(b']', &mut |reader| {
                    let begin = reader.at;
                    reader.skip()?;
                    items.push(reader.since(begin));
                    Ok(())
                })?;
                Ok(Value::List(items))
            }
            b'"' => self.string().map(Value::Text),
            _ => self.scalar(),
        }
    }

    /// Passes a value that is well-formed, and keeps nothing of it.
    fn skip(&mut self) -> Result<(), NoJson> {
        match self.peek() {
            b'{' => self.sequence(b'}', &mut |reader| {
                reader.key()?;
                reader.skip()
            }),
            b'[' => self.sequence(b']', &mut Self::skip),
            b'"' => self.string().map(drop),
            _ => self.scalar().map(drop),
        }
    }

    /// What is between an opening mark, at which the reader stands, and its `close`.
    fn sequence(
        &mut self,
        close: u8,
        item: &mut dyn FnMut(&mut Self) -> Result<(), NoJson>,
    ) -> Result<(), NoJson> {
        if self.depth == DEEPEST {
            return self.fail("nested too deeply");
        }
        self.depth += 1;
        self.at += 1;
        self.blank();
        if !self.take(close) {
            loop {
                item(self)?;
                self.blank();
                if self.take(close) {
                    break;
                }
                if !self.take(b',') {
                    return self.fail("expected a comma or the end of what is open");
                }
                self.blank();
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// A member's key and its colon.
    fn key(&mut self) -> Result<Cow<'de, str>, NoJson> {
        if self.peek() != b'"' {
            return self.fail("expected a key");
        }
        let key = self.string()?;
        self.blank();
        if !self.take(b':') {
            return self.fail("expected a colon");
        }
        self.blank();
        Ok(key)
    }

    /// A string, at whose first quotation mark the reader stands: borrowed if it has no escapes.
    fn string(&mut self) -> Result<Cow<'de, str>, NoJson> {
        self.at += 1;
        let mut begin = self.at;
        let mut own: Option<String> = None;
        loop {
            match self.peek() {
                b'"' => break,
                b'\\' => {
                    let own = own.get_or_insert_default();
                    own.push_str(self.since(begin));
                    own.push(self.escape()?);
                    begin = self.at;
                }
                // The end of the text looks like a NUL, which may not stand here either.
                ..0x20 => return self.fail("a control character in a string, or no end of it"),
                _ => self.at += 1,
            }
        }
        let rest = self.since(begin);
        self.at += 1;
        Ok(match own {
            None => Cow::Borrowed(rest),
            Some(own) => Cow::Owned(own + rest),
        })
    }

    /// The character of an escape, at whose backslash the reader stands.
    fn escape(&mut self) -> Result<char, NoJson> {
        let begin = self.at;
        self.at += 1;
        let mark = self.peek();
        self.at += 1;
        let plain = match mark {
            b'"' | b'\\' | b'/' => mark,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut code = self.unit();
                if let Some(high @ 0xd800..0xdc00) = code {
                    let low = if self.take(b'\\') && self.take(b'u') { self.unit() } else { None };
                    code = match low {
                        Some(low @ 0xdc00..0xe000) => {
                            Some(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
                        }
                        _ => None,
                    };
                }
                if let Some(character) = code.and_then(char::from_u32) {
                    return Ok(character);
                }
                0
            }
            _ => 0,
        };
        if plain == 0 {
            self.at = begin;
            return self.fail("no escape");
        }
        Ok(plain.into())
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        let mut code = 0;
        for _ in 0..4 {
            code = code << 4 | char::from(self.peek()).to_digit(16)?;
            self.at += 1;
        }
        Some(code)
    }

    /// A number, or a word.
    fn scalar(&mut self) -> Result<Value<'de>, NoJson> {
        const WORDS: [(&str, Value<'static>); 3] =
            [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))];
        let begin = self.at;
        for (word, value) in WORDS {
            let rest = self.text.as_bytes().get(begin..).unwrap_or_default();
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        let mut plain = !self.take(b'-');
        let mut value = Some(0_u64);
        if !self.take(b'0') && self.digits(&mut value) == 0 {
            self.at = begin;
            return self.fail("expected a value");
        }
        if self.take(b'.') {
            plain = false;
            if self.digits(&mut None) == 0 {
                return self.fail("expected a digit");
            }
        }
        if self.take(b'e') || self.take(b'E') {
            plain = false;
            let _ = self.take(b'+') || self.take(b'-');
            if self.digits(&mut None) == 0 {
                return self.fail("expected a digit");
            }
        }
        Ok(value.filter(|_| plain).map_or(Value::OtherNumber, Value::Number))
    }

    /// Passes digits and adds them to a value, while it has room for them; returns how many.
    fn digits(&mut self, value: &mut Option<u64>) -> usize {
        let begin = self.at;
        loop {
            let digit = self.peek().wrapping_sub(b'0');
            if digit > 9 {
                return self.at - begin;
            }
            *value = value.and_then(|known| known.checked_mul(10)?.checked_add(digit.into()));
            self.at += 1;
        }
    }

    fn blank(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == byte;
        self.at += usize::from(there);
        there
    }

    /// The next byte; NUL at the end, which stands nowhere in JSON.
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// What was passed since `begin`; both are borders of characters.
    fn since(&self, begin: usize) -> &'de str {
        self.text.get(begin..self.at).unwrap_or_default()
    }

    #[cold]
    fn fail<T>(&self, reason: &'static str) -> Result<T, NoJson> {
        Err(NoJson { reason, at: self.at })
    }
}
