"""Where a lab keeps what it keeps, and whom it belongs to."""

from __future__ import annotations

import hashlib
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Lab", "Owner", "find"]

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Owner:
    """The person a lab belongs to: who called sudo, or who calls now."""

    uid: int
    gid: int
    name: str
    home: Path

    @property
    def is_root(self) -> bool:
        """Whether commands for this owner keep root's privileges."""
        return self.uid == 0


@dataclass(frozen=True, slots=True)
class Lab:
    """The directories of one clone's lab; two clones never share `state` or `run`."""

    root: Path
    state: Path
    run: Path
    cache: Path
    owner: Owner

    @property
    def socket(self) -> Path:
        """The libvirt socket that a plain shell can connect to."""
        return self.run / "libvirt-sock"

    @property
    def namespaces(self) -> Path:
        """The directory in which the lab's namespaces are bound as files."""
        return self.run / "ns"

    @property
    def consoles(self) -> Path:
        """The console logs, at this path inside the namespaces and outside."""
        return self.state / "consoles"

    @property
    def logs(self) -> Path:
        """The logs of libvirt and of its keeper."""
        return self.state / "logs"

    @property
    def libvirt(self) -> Path:
        """What libvirt finds as its /etc, /var/lib, /var/log and /var/cache directories."""
        return self.state / "libvirt"

    @property
    def backend(self) -> Path:
        """Pulumi's file backend."""
        return self.state / "pulumi"

    @property
    def pulumi_home(self) -> Path:
        """Pulumi's home: its plugins and settings, never the user's own."""
        return self.state / "pulumi-home"

    @property
    def programs(self) -> Path:
        """The directory of the command `topology` of this clone."""
        return self.state / "bin"

    @property
    def images(self) -> Path:
        """The content-addressed image store."""
        return self.cache / "images"

    @property
    def lock(self) -> Path:
        """The lock that serialises commands which change the lab."""
        return self.state / "lock"

    @property
    def cgroup(self) -> str:
        """The name of the lab's control group in every hierarchy."""
        return f"topology-lab-{identify(self.run)}"

    @property
    def uri(self) -> str:
        """The QEMU driver's URI."""
        return f"qemu:///system?socket={self.socket}"

    @property
    def lxc_uri(self) -> str:
        """The LXC driver's URI: the same host and query."""
        return f"lxc:///?socket={self.socket}"


def identify(path: Path) -> str:
    """Return a short name for a path: the first 10 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:10]


def owner_from(environ: Mapping[str, str], euid: int, egid: int) -> Owner:
    """Return who a lab belongs to; under sudo that is who called it."""
    uid, gid = euid, egid
    if euid == 0 and environ.get("SUDO_UID", "").isdecimal():
        uid = int(environ["SUDO_UID"])
        sudo_gid = environ.get("SUDO_GID", "")
        gid = int(sudo_gid) if sudo_gid.isdecimal() else uid
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Owner(uid, gid, str(uid), Path("/nonexistent"))
    return Owner(uid, gid, entry.pw_name, Path(entry.pw_dir))


def find(
    environ: Mapping[str, str] | None = None,
    *,
    root: Path = ROOT,
    euid: int | None = None,
    egid: int | None = None,
) -> Lab:
    """Return this clone's lab; LAB_STATE, LAB_RUN and LAB_CACHE override its places."""
    environ = os.environ if environ is None else environ
    owner = owner_from(
        environ, os.geteuid() if euid is None else euid, os.getegid() if egid is None else egid
    )
    clone = identify(root)

    def place(variable: str, default: Path) -> Path:
        value = environ.get(variable)
        return Path(value).resolve() if value else default

    cache = Path("/var/cache/topology-lab")
    if not owner.is_root:
        xdg = environ.get("XDG_CACHE_HOME") if "SUDO_UID" not in environ else None
        cache = Path(xdg) if xdg else owner.home / ".cache"
        cache /= "topology-lab"
    return Lab(
        root=root,
        state=place("LAB_STATE", Path("/var/lib/topology-lab") / clone),
        run=place("LAB_RUN", Path("/run/topology-lab") / clone),
        cache=place("LAB_CACHE", cache),
        owner=owner,
    )
