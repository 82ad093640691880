//! Giving up what set-up needed and serving does not.

use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities,
    set_keep_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use crate::node::read_file;
use crate::{Fatal, seccomp};

/// The user and group that own nothing.
const NOBODY: u32 = 65534;
/// More capabilities than any kernel has.
const CAPABILITIES: u32 = 64;

/// Leaves `kept` of this process's capabilities, user and group "nobody", no way to new privileges, and only
/// the system calls in `calls`.
///
/// In a user namespace that does not allow it, the process stays its root, which is nobody outside.
pub fn drop_all_but(kept: CapabilitySet, calls: &[&[u32]]) -> Result<(), Fatal> {
    bound(kept).map_err(|error| Fatal::system("bounding set", error))?;
    set_keep_capabilities(true).map_err(|error| Fatal::system("keep capabilities", error))?;
    become_nobody()?;
    let sets =
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(|error| Fatal::system("drop capabilities", error))?;
    set_keep_capabilities(false).map_err(|error| Fatal::system("keep capabilities", error))?;
    set_no_new_privs(true).map_err(|error| Fatal::system("no_new_privs", error))?;
    seccomp::confine(calls).map_err(|error| Fatal::system("seccomp", error))
}

fn bound(kept: CapabilitySet) -> Result<(), Errno> {
    for number in 0..CAPABILITIES {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if kept.contains(capability) {
            continue;
        }
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // Beyond the last capability of this kernel.
            Err(Errno::INVAL) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Becomes "nobody"; real root must, the root of a user namespace does where that namespace lets it.
fn become_nobody() -> Result<(), Fatal> {
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    let result = set_thread_groups(&[])
        .and_then(|()| set_thread_res_gid(gid, gid, gid))
        .and_then(|()| set_thread_res_uid(uid, uid, uid));
    match result {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::PERM) if is_mapped()? => Ok(()),
        Err(error) => Err(Fatal::system("become user and group nobody", error)),
    }
}

/// Whether this is a user namespace of its own: its root is not the host's.
fn is_mapped() -> Result<bool, Fatal> {
    let map = read_file("/proc/self/uid_map")?;
    let map = str::from_utf8(&map).unwrap_or_default();
    Ok(!map.split_whitespace().eq(["0", "0", "4294967295"]))
}
