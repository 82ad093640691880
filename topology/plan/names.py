"""The names that a deployment gives: which stacks and bridges are acceptable, what is hashed."""

from __future__ import annotations

import hashlib
import re

from topology.render.config import Json, canonical

# Characters of a digest in a name: 48 bits, enough among the generations that one host holds.
PREFIX = 12
# IFNAMSIZ is 16 with its NUL (linux/if.h).
LONGEST_INTERFACE_NAME = 15
# With a node's label (63 at most), the digest and ".log" a file name stays below NAME_MAX.
LONGEST_STACK_NAME = 40

_STACK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def digest(document: Json) -> str:
    """The SHA-256 of the document's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(document)).hexdigest()


def valid_stack(name: str) -> bool:
    """Whether a stack's name can stand in names of libvirt domains, networks and log files.

    >>> valid_stack("unikernel"), valid_stack("a/b"), valid_stack("")
    (True, False, False)
    """
    return len(name) <= LONGEST_STACK_NAME and _STACK.fullmatch(name) is not None


def valid_interface(name: str) -> bool:
    """Whether Linux and libvirt take this as the name of a bridge (dev_valid_name, narrower).

    >>> valid_interface("br0"), valid_interface(".."), valid_interface("a" * 16)
    (True, False, False)
    """
    return len(name) <= LONGEST_INTERFACE_NAME and _INTERFACE.fullmatch(name) is not None


def domain_name(stack: str, node: str, digest: str) -> str:
    """The name of one generation of a node."""
    return f"{stack}-{node}-{digest[:PREFIX]}"


def network_name(stack: str, segment: str, generation: str) -> str:
    """The name of one generation of a segment."""
    return f"{stack}-{segment}-{generation[:PREFIX]}"


def bridge_name(generation: str) -> str:
    """The bridge of one generation of a segment, whose hash covers stack and segment."""
    return f"tp{generation[:PREFIX]}"


__all__ = [
    "LONGEST_INTERFACE_NAME",
    "LONGEST_STACK_NAME",
    "PREFIX",
    "bridge_name",
    "digest",
    "domain_name",
    "network_name",
    "valid_interface",
    "valid_stack",
]
