//! The caller's buffer, as the message builder takes it.

use domain::base::wire::Composer;
use domain::dep::octseq::{OctetsBuilder, ShortBuf, Truncate};

/// A slice that is filled from its beginning.
pub(crate) struct Target<'a> {
    bytes: &'a mut [u8],
    length: usize,
}

impl<'a> Target<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, length: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }
}

impl OctetsBuilder for Target<'_> {
    type AppendError = ShortBuf;

    fn append_slice(&mut self, slice: &[u8]) -> Result<(), ShortBuf> {
        let end = self.length + slice.len();
        self.bytes.get_mut(self.length..end).ok_or(ShortBuf)?.copy_from_slice(slice);
        self.length = end;
        Ok(())
    }
}

impl Truncate for Target<'_> {
    fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }
}

impl AsRef<[u8]> for Target<'_> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl AsMut<[u8]> for Target<'_> {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }
}

impl Composer for Target<'_> {}
