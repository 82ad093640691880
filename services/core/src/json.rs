//! Strings in JSON, RFC 8259 section 7.

use core::fmt::{self, Display, Write};

/// A value that displays as a JSON string of what it displays as.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<T>(pub T);

impl<T: Display> Display for Quoted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        write!(Escape(f), "{}", self.0)?;
        f.write_char('"')
    }
}

struct Escape<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escape<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let special = |c: char| matches!(c, '"' | '\\' | '\0'..='\x1f');
        for piece in text.split_inclusive(special) {
            let last = piece.chars().next_back().filter(|c| special(*c));
            // No text is cut by an index: what tells where in it one is wrong is 3 to 6 kB of an image.
            self.0.write_str(piece.strip_suffix(special).unwrap_or(piece))?;
            match last {
                Some(c @ ('"' | '\\')) => write!(self.0, "\\{c}")?,
                Some('\n') => self.0.write_str("\\n")?,
                Some(c) => write!(self.0, "\\u{:04x}", u32::from(c))?,
                None => {}
            }
        }
        Ok(())
    }
}
