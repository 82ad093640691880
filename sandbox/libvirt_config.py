"""The configuration files that the private libvirt reads."""

from __future__ import annotations

import uuid
from pathlib import Path

__all__ = ["accounts", "files"]

ACCOUNT = "libvirt-qemu"
ACCOUNT_ID = 64055  # as Debian reserves it

# QEMU stays uid 0, because /dev/kvm may be open to root alone, but holds no capability (libvirt
# takes none from root's: `emulator/` does), runs under seccomp, and its control group keeps it from
# the host's devices. Each group more is a move that waits for all processors to pass (RCU): 30 ms
# of a start with all that libvirt would take. Its own namespaces are off: the lab's already hold
# it. It writes its logs by itself ("file") instead of through virtlogd, so that no daemon's death
# silences a running guest.
QEMU = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
clear_emulator_capabilities = 1
seccomp_sandbox = 1
cgroup_controllers = [ "devices" ]
stdio_handler = "file"
"""

LXC = """\
security_driver = "none"
"""

# Whoever can write to the socket is as good as root: only root and the lab's owner may. The
# keeper gives the sockets to the owner once they are there; they are born closed.
DAEMON = """\
unix_sock_dir = "{run}"
unix_sock_rw_perms = "0700"
unix_sock_ro_perms = "0700"
unix_sock_admin_perms = "0700"
auth_unix_rw = "none"
auth_unix_ro = "none"
host_uuid = "{host}"
log_outputs = "3:file:{logs}/libvirtd.log"
"""


def files(run: Path, logs: Path) -> dict[str, str]:
    """Return the content of every file under /etc/libvirt, by name."""
    host = uuid.uuid5(uuid.NAMESPACE_URL, run.as_uri())
    return {
        "libvirt.conf": "",
        "libvirtd.conf": DAEMON.format(run=run, logs=logs, host=host),
        "lxc.conf": LXC,
        "qemu.conf": QEMU,
    }


def accounts(name: str, host: str) -> str:
    """Return the host's passwd or group file with the account that libvirt looks up at its start.

    libvirtd asks for its compiled-in QEMU account even when qemu.conf names another, and only the
    package that brings libvirt's system service creates it. No process runs under it.
    """
    if any(line.startswith(f"{ACCOUNT}:") for line in host.splitlines()):
        return host
    line = {
        "group": f"{ACCOUNT}:x:{ACCOUNT_ID}:",
        "passwd": f"{ACCOUNT}:x:{ACCOUNT_ID}:{ACCOUNT_ID}::/nonexistent:/usr/sbin/nologin",
    }[name]
    return f"{host.rstrip()}\n{line}\n"
