"""A node's policy as an nftables ruleset (nft(8)), in text.

The init of a container with `dataplane: kernel` loads the same ruleset over netlink, from the
same rules, without nft; a live test reads back what it loaded and compares it with this text. So
both follow one plan: each packet is judged once, as it comes in, by a chain `rules`, whichever way
it then takes. That is before the kernel looks for a route, at the hops left and at what fits, since
it answers of itself where one of these fails: what is denied is not told what lies behind. Before
all of that the sources are looked at, unless the node's `reverse_path` is off.

Few rules are a list. Of many, verdict maps choose a short list (`decision_tree`), whose end leads
back to the default; a rule stands in each list that it may match in, and its counter and the limit
of its log are objects that all of these share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from topology.render.decision_tree import LIST
from topology.render.nftables_lines import Line, alternatives
from topology.render.nftables_tree import branches
from topology.resolve.types import ResolvedNode, ResolvedPolicy, ReversePath, RuleAction

__all__ = ["REVERSE_PATH", "TABLE", "drops", "interface_names", "nftables"]

TABLE = "topology"

REVERSE_PATH = "reverse_path"
"""What a console calls what drops spoofed packets: the topology's word, and no name of a rule."""

# Logged drops go to init through the kernel's packet log, headers only, a few each second.
_RATE = "rate 10/second burst 20 packets"
_LOG = 'log prefix "{name}" group 1 snaplen 128'

# The longest name of a Linux interface, and names that mean something else to Linux.
_NAME_LENGTH = 15
_NOT_NAMES = frozenset({".", "..", "all", "default", "lo"})

_VERDICTS = {RuleAction.DENY: "drop", RuleAction.PERMIT: "accept"}


def drops(node: ResolvedNode) -> bool:
    """Whether a node has a ruleset: it looks at sources, or has a policy."""
    return _checks_sources(node) or node.policy is not None


def nftables(node: ResolvedNode, *, as_list: bool = False) -> str:
    """The ruleset of a node that drops packets, one table of both families; `as_list`, no tree.

    Raises `ValueError` for a node that drops nothing.
    """
    if not drops(node):
        raise ValueError(f"{node.name} drops nothing")
    objects, chains = "", list(_sources(node))
    if node.policy is not None:
        objects, decisions = _decisions(node.policy, interface_names(node), as_list=as_list)
        chains += decisions
    body = "\n".join(_chain(name, lines) for name, lines in chains)
    return f"table inet {TABLE} {{\n{objects}{body}}}\n"


def _checks_sources(node: ResolvedNode) -> bool:
    return node.kind.forwards and node.reverse_path is ReversePath.STRICT


def _sources(node: ResolvedNode) -> Iterator[tuple[str, Iterable[str]]]:
    """The chains that drop packets whose sources are elsewhere (RFC 3704 section 2.2).

    They come before connections are tracked: what is forged may well fit a flow that is open.
    What is sent to many is not forwarded, and neighbours without an address yet ask all for it.
    """
    if _checks_sources(node):
        report = f"limit {_RATE} {_LOG.format(name=REVERSE_PATH)}"
        yield "spoofed", (report, f'counter drop comment "{REVERSE_PATH}"')
        hook = "type filter hook prerouting priority raw; policy accept;"
        forged = "meta pkttype unicast fib saddr . iif oif missing jump spoofed"
        yield "arrival", (hook, forged)


def _decisions(
    policy: ResolvedPolicy, names: dict[str, str], *, as_list: bool
) -> tuple[str, list[tuple[str, Iterable[str]]]]:
    """What copies of a rule share, and the chains of a policy."""
    verdict = _VERDICTS[policy.default]
    lines = [line for rule in policy.rules for line in alternatives(rule, names)]
    lists: list[tuple[str, list[str]]] = []
    if as_list or len(lines) <= LIST:
        objects, entry = "", [text for line in lines for text in _own(line)]
    else:
        objects = _objects(lines)
        entry, lists = branches(lines, sorted(names.values()), _shared)
    # RFC 4861 section 7.1: only a neighbour's packet still has hop limit 255.
    neighbours = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255"
    judged = (
        f"type filter hook prerouting priority filter; policy {verdict};",
        # Not forwarded: the kernel does not pass on what was sent to many on a link.
        "meta pkttype != unicast accept",
        f"{neighbours} fib daddr type local accept",
        "jump rules",
    )
    own = (
        "type filter hook input priority filter; policy accept;",
        f"{neighbours} accept",
        # Nothing listens to what is sent to many, and it is no attempt at this node:
        # neither judged nor reported.
        "meta pkttype != unicast drop",
    )
    chains = [("rules", _rules(policy, entry)), *lists, ("judged", judged), ("input", own)]
    return objects, chains


def _chain(name: str, lines: Iterable[str]) -> str:
    block = "".join(f"\t\t{line}\n" for line in lines)
    return f"\tchain {name} {{\n{block}\t}}\n"


def interface_names(node: ResolvedNode) -> dict[str, str]:
    """The names that a node's interfaces have in its container, by their segments' names.

    Those of the segments if all of them can be names of Linux interfaces, else `port0`,
    `port1`, … in the segments' order.
    """
    segments = sorted(interface.segment for interface in node.interfaces)
    if all(len(one) <= _NAME_LENGTH and one not in _NOT_NAMES for one in segments):
        return {one: one for one in segments}
    return {one: f"port{index}" for index, one in enumerate(segments)}


def _rules(policy: ResolvedPolicy, entry: Iterable[str]) -> Iterator[str]:
    if policy.stateful:
        yield 'ct state established counter accept comment "established"'
        yield 'ct state related counter accept comment "related"'
        # Conntrack calls an unasked echo reply invalid, too: of ICMP the rules decide.
        yield 'meta l4proto { tcp, udp } ct state invalid counter drop comment "invalid"'
    yield from entry
    if policy.default is RuleAction.DENY:
        yield f"limit {_RATE} {_LOG.format(name='default')}"
    yield f'counter {_VERDICTS[policy.default]} comment "default"'


def _own(line: Line) -> Iterator[str]:
    """The lines of nft that stand for one, with a counter and a limit of their own."""
    return _decide(line, f"limit {_RATE}", "counter")


def _shared(line: Line) -> Iterator[str]:
    """The lines of nft that stand for a copy of one."""
    name = line.rule.name
    return _decide(line, f'limit name "log.{name}"', f'counter name "rule.{name}"')


def _decide(line: Line, limit: str, counter: str) -> Iterator[str]:
    """The line that decides, behind the one that reports a drop."""
    rule = line.rule
    if rule.log and rule.action is RuleAction.DENY:
        yield f"{line.conditions} {limit} {_LOG.format(name=rule.name)}".lstrip()
    verdict = _VERDICTS[rule.action]
    yield f'{line.conditions} {counter} {verdict} comment "{rule.name}"'.lstrip()


def _objects(lines: Iterable[Line]) -> str:
    """What copies of a rule share."""
    text = []
    for rule in dict.fromkeys(line.rule for line in lines):
        text.append(f"\tcounter rule.{rule.name} {{\n\t}}\n\n")
        if rule.log and rule.action is RuleAction.DENY:
            text.append(f"\tlimit log.{rule.name} {{\n\t\t{_RATE}\n\t}}\n\n")
    return "".join(text)
