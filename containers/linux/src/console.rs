//! The node's console: lines of JSON appended to the file bound at [`PATH`].
//!
//! Once opened it is the process's standard error, so that a panic can write to it whatever else is broken.
//! A line that cannot be written (the disk behind the file is full) is lost: a node does not stop serving for that.

use alloc::string::String;
use core::cell::OnceCell;
use core::fmt::{self, Write as _};

use rustix::fd::BorrowedFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, write};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr};
use service_console::Event;
use service_core::Instant;

use crate::Fatal;
use crate::fatal::Text;

/// Where the console file is bound.
pub const PATH: &str = "/console";

/// The node's name, for the line that a panic writes.
static NAME: Name = Name(OnceCell::new());

struct Name(OnceCell<String>);

// SAFETY: `init!` makes programs of one thread.
unsafe impl Sync for Name {}

/// Makes the file at [`PATH`] standard input, output and error, so that the terminal that libvirt made is let go:
/// nobody reads it, and a full one would block.
pub fn open_file() -> Result<(), Fatal> {
    let file = open(PATH, OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| Fatal::system(PATH, error))?;
    for redirect in [dup2_stdin, dup2_stdout, dup2_stderr] {
        redirect(&file).map_err(|error| Fatal::system("standard descriptors", error))?;
    }
    Ok(())
}

/// Sets the name that a later fatal line carries; only the first call counts.
pub fn name_node(name: &str) {
    NAME.0.get_or_init(|| name.into());
}

/// Writes one event as one line, with the time since the node started.
pub fn line(now: Instant, event: &Event<'_>) {
    let mut text = String::new();
    // Formatting into a `String` does not fail.
    let _ = writeln!(text, "{}", event.at(now));
    put(text.as_bytes());
}

/// Writes the line of a node's end, without the heap.
pub fn fatal(reason: &str) {
    let node = NAME.0.get().map_or("", String::as_str);
    let mut text = Text::new();
    // `Text` cuts what does not fit and never fails.
    let _ = write!(text, "{}", Event::Fatal { node, reason: &Cut(reason) });
    let line = text.as_str();
    let whole = line.ends_with("\"}");
    put(line.as_bytes());
    put(if whole { b"\n" } else { b"\"}\n" });
}

/// A reason that leaves room for the rest of its line, even when every character is escaped.
struct Cut<'a>(&'a str);

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut end = self.0.len().min(Text::CAPACITY / 2);
        while !self.0.is_char_boundary(end) {
            end -= 1;
        }
        f.write_str(&self.0[..end])
    }
}

fn put(mut bytes: &[u8]) {
    // SAFETY: standard error stays open for as long as the process runs.
    let console: BorrowedFd<'_> = unsafe { stderr() };
    while !bytes.is_empty() {
        match write(console, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
