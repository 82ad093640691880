//! How many packets the kernel has forwarded (RFC 4293, as /proc/net shows it).

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, pread};

use crate::Fatal;

const V4: &str = "/proc/self/net/snmp";
const V6: &str = "/proc/self/net/snmp6";
/// More than either file is long.
const LENGTH: usize = 16 << 10;

/// The kernel's counters, held open so that they can be read without the file system.
pub struct Snmp {
    v4: OwnedFd,
    /// `None` on a kernel without IPv6.
    v6: Option<OwnedFd>,
}

impl Snmp {
    /// Opens the counters of this network namespace.
    pub fn open() -> Result<Self, Fatal> {
        let open = |path| open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let v4 = open(V4).map_err(|error| Fatal::system(V4, error))?;
        match open(V6) {
            Ok(v6) => Ok(Self { v4, v6: Some(v6) }),
            Err(Errno::NOENT) => Ok(Self { v4, v6: None }),
            Err(error) => Err(Fatal::system(V6, error)),
        }
    }

    /// Packets forwarded since the namespace was made, both families.
    pub fn forwarded(&self) -> Result<u64, Fatal> {
        let mut buffer = [0; LENGTH];
        let v4 = forwarded_v4(text(&self.v4, &mut buffer)?).unwrap_or_default();
        let v6 = match &self.v6 {
            Some(v6) => forwarded_v6(text(v6, &mut buffer)?).unwrap_or_default(),
            None => 0,
        };
        Ok(v4 + v6)
    }
}

fn text<'a>(file: &OwnedFd, buffer: &'a mut [u8; LENGTH]) -> Result<&'a str, Fatal> {
    let mut length = 0;
    loop {
        match pread(file, &mut buffer[length..], length as u64) {
            Ok(0) => return Ok(str::from_utf8(&buffer[..length]).unwrap_or_default()),
            Ok(count) => length += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(Fatal::system("forwarding counters", error)),
        }
    }
}

/// A line of names, then a line of numbers.
fn forwarded_v4(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Ip: "));
    let column = lines.next()?.split(' ').position(|name| name == "ForwDatagrams")?;
    lines.next()?.split(' ').nth(column)?.parse().ok()
}

/// A name and a number a line.
fn forwarded_v6(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("Ip6OutForwDatagrams"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_forwarded_packets() {
        let v4 =
            "Ip: Forwarding DefaultTTL ForwDatagrams InUnknownProtos\nIp: 1 64 42 0\nIcmp: x\n";
        assert_eq!(forwarded_v4(v4), Some(42));
        assert_eq!(forwarded_v4("Ip: a\nIp: 1\n"), None);
        let v6 = "Ip6InReceives 3\nIp6OutForwDatagrams             \t17\nIp6OutRequests 1\n";
        assert_eq!(forwarded_v6(v6), Some(17));
    }
}
