//! The end of a node: a reason on its console and an exit code.

use alloc::borrow::Cow;
use alloc::format;
use core::fmt;

use rustix::io::Errno;

use crate::{console, sys};

/// Why a node cannot go on.
#[derive(Debug)]
pub struct Fatal {
    reason: Cow<'static, str>,
    error: Option<Errno>,
}

impl Fatal {
    /// A reason in plain words.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), error: None }
    }

    /// What failed, and the system's word for why.
    pub fn system(what: impl fmt::Display, error: Errno) -> Self {
        Self { reason: format!("{what}: {}", Reason(error)).into(), error: Some(error) }
    }

    /// A reason that is an error of another part.
    pub fn display(error: impl fmt::Display) -> Self {
        Self::new(format!("{error}"))
    }

    /// The reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether the system gave `error` for it.
    pub fn is(&self, error: Errno) -> bool {
        self.error == Some(error)
    }

    /// The same at a place.
    #[must_use]
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self { reason: format!("{place}: {}", self.reason).into(), error: self.error }
    }
}

/// An error number with the name that a reader knows it by.
struct Reason(Errno);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            Errno::ACCESS => "permission denied",
            Errno::ADDRINUSE => "address in use",
            Errno::ADDRNOTAVAIL => "address not available",
            Errno::AFNOSUPPORT => "address family not supported",
            Errno::BUSY => "busy",
            Errno::EXIST => "exists already",
            Errno::INVAL => "invalid argument",
            Errno::ISDIR => "is a directory",
            Errno::NETUNREACH => "network unreachable",
            Errno::NOBUFS => "no buffer space",
            Errno::NODEV => "no such device",
            Errno::NOENT => "not found",
            Errno::NOMEM => "out of memory",
            Errno::OPNOTSUPP => "not supported by this kernel",
            Errno::PERM => "not permitted",
            Errno::PROTONOSUPPORT => "protocol not supported",
            Errno::ROFS => "read-only file system",
            other => return write!(f, "error {}", other.raw_os_error()),
        };
        f.write_str(name)
    }
}

/// Text of bounded length that needs no heap; what does not fit is cut.
pub struct Text {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl Text {
    /// Bytes that fit.
    pub const CAPACITY: usize = 1024;

    /// An empty text.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; Self::CAPACITY], length: 0 }
    }

    /// What was written, whole characters only.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = &self.bytes[..self.length];
        core::str::from_utf8(bytes).unwrap_or_else(|error| {
            core::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        })
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.length..];
        let count = room.len().min(text.len());
        room[..count].copy_from_slice(&text.as_bytes()[..count]);
        self.length += count;
        Ok(())
    }
}

/// Ends the process: code 0, or 1 after the reason was written.
pub fn exit(result: Result<(), Fatal>) -> ! {
    match result {
        Ok(()) => sys::exit(0),
        Err(fatal) => exit_with(fatal.reason()),
    }
}

/// Writes `reason` as the node's last line and ends the process with code 1.
pub fn exit_with(reason: &str) -> ! {
    console::fatal(reason);
    sys::exit(1)
}

#[cfg(test)]
mod tests {
    use core::fmt::Write as _;

    use super::*;

    #[test]
    fn a_reason_names_the_error() {
        let fatal = Fatal::system("/config.json", Errno::NOENT);
        assert_eq!(fatal.reason(), "/config.json: not found");
        assert_eq!(Fatal::system("x", Errno::XDEV).reason(), "x: error 18");
    }

    #[test]
    fn text_is_cut_at_a_character() {
        let mut text = Text::new();
        write!(text, "x").unwrap();
        for _ in 0..Text::CAPACITY {
            write!(text, "ä").unwrap();
        }
        assert_eq!(text.as_str().len(), Text::CAPACITY - 1);
        assert!(text.as_str().ends_with('ä'));
    }
}
