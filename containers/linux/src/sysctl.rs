//! Kernel settings of the network namespace, under /proc/sys/net.

use alloc::format;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, write};

use crate::Fatal;

/// Sets `net.<name>` (written with slashes) to a number.
pub fn set(name: &str, value: u32) -> Result<(), Fatal> {
    try_set(name, value).map_err(|error| Fatal::system(format!("net/{name} = {value}"), error))
}

/// Sets `net.<name>` where this kernel has it.
pub fn set_if_present(name: &str, value: u32) -> Result<(), Fatal> {
    match try_set(name, value) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(Fatal::system(format!("net/{name} = {value}"), error)),
    }
}

fn try_set(name: &str, value: u32) -> Result<(), Errno> {
    let file =
        open(format!("/proc/sys/net/{name}"), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    write(&file, format!("{value}\n").as_bytes())?;
    Ok(())
}
