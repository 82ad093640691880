"""Firewalls made by hand, whose rules take every shape that a policy can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Interface, IPv6Interface, ip_network
from random import Random
from types import MappingProxyType

from topology.resolve.types import (
    Endpoint,
    Kind,
    Match,
    Protocol,
    ResolvedInterface,
    ResolvedNode,
    ResolvedPolicy,
    ResolvedRule,
    RuleAction,
)


def firewall(
    *rules: ResolvedRule,
    default: RuleAction = RuleAction.DENY,
    stateful: bool = True,
    segments: tuple[str, ...] = ("outside", "inside"),
) -> ResolvedNode:
    """A firewall between two segments with the rules given."""
    interfaces = tuple(
        ResolvedInterface(
            segment=segment,
            zone=f"zone{number}",
            mac=f"02:00:00:00:01:{number:02x}",
            mtu=1500,
            addresses=(
                IPv4Interface(f"192.0.2.{16 * number + 1}/28"),
                IPv6Interface(f"2001:db8:{number}::1/64"),
            ),
        )
        for number, segment in enumerate(sorted(segments))
    )
    policy = ResolvedPolicy("policy", default, stateful, rules)
    return ResolvedNode("firewall", Kind.FIREWALL, "local", interfaces, (), policy=policy)


def _prefixes(*prefixes: str) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(prefix=ip_network(prefix)) for prefix in prefixes)


def _interfaces(*names: str) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(interface=name) for name in names)


def _rule(
    name: str,
    *matches: Match,
    permit: bool = True,
    sources: tuple[Endpoint, ...] = (),
    destinations: tuple[Endpoint, ...] = (),
    log: bool = False,
) -> ResolvedRule:
    action = RuleAction.PERMIT if permit else RuleAction.DENY
    return ResolvedRule(name, action, sources, destinations, matches, log)


_TCP, _UDP = Protocol.TCP, Protocol.UDP
_ICMP, _ICMPV6 = Protocol.ICMP, Protocol.ICMPV6

_ADDRESSES = (
    _rule("everything"),
    _rule("byte", sources=_prefixes("10.0.0.0/8")),
    _rule("bits", sources=_prefixes("10.32.0.0/11"), destinations=_prefixes("172.16.0.0/12")),
    _rule("one", destinations=_prefixes("192.0.2.7/32", "2001:db8::7/128")),
    _rule("some", destinations=_prefixes("192.0.2.7/32", "192.0.2.9/32")),
    _rule("touching", sources=_prefixes("10.0.0.0/24", "10.0.1.0/25", "10.0.0.128/25")),
    _rule("joined", sources=_prefixes("10.0.0.0/24", "10.0.1.0/24")),
    _rule("several", sources=_prefixes("0.0.0.0/8", "10.1.0.0/16", "255.0.0.0/8")),
    _rule("wide", sources=_prefixes("2001:db8::/32"), destinations=_prefixes("2000::/3")),
    _rule("sixes", sources=_prefixes("2001:db8:1::/48", "2001:db8:4::/46", "ff00::/8")),
    _rule("any4", sources=_prefixes("0.0.0.0/0")),
    _rule("any6", Match(_TCP), destinations=_prefixes("::/0")),
    _rule(
        "both", sources=_prefixes("10.0.0.0/8", "2001:db8::/32"), destinations=_interfaces("inside")
    ),
    _rule("mixed", sources=(*_interfaces("outside"), *_prefixes("10.9.0.0/16"))),
)
_CONTENTS = (
    _rule("tcp", Match(_TCP)),
    _rule("port", Match(_TCP, ports=((80, 80),))),
    _rule("ports", Match(_TCP, ports=((80, 80), (443, 443)))),
    _rule("range", Match(_UDP, ports=((1000, 2000),))),
    _rule("ranges", Match(_UDP, ports=((1, 53), (54, 60), (1000, 65535), (100, 100)))),
    _rule("all-ports", Match(_TCP, ports=((0, 65535),))),
    _rule("twice", Match(_TCP, ports=((80, 80),)), Match(_TCP, ports=((81, 90),))),
    _rule("two", Match(_TCP, ports=((53, 53),)), Match(_UDP, ports=((53, 53),))),
    _rule("icmp", Match(_ICMP), Match(_ICMPV6)),
    _rule("echo", Match(_ICMP, types=(8, 0)), Match(_ICMPV6, types=(128,)), permit=False, log=True),
    _rule("errors", Match(_ICMPV6, types=(4, 1, 3, 2)), sources=_prefixes("2001:db8::/32")),
    _rule(
        "from-to", Match(_ICMP), sources=_interfaces("outside"), destinations=_interfaces("inside")
    ),
    _rule("either", sources=_interfaces("outside", "inside")),
)
# More than a list holds: told apart by addresses, ports, protocols and interfaces.
_MANY = (
    *(
        _rule(
            f"partner-{number}",
            Match((_TCP, _UDP)[number % 2], ports=((443, 443),)),
            sources=_prefixes(f"10.{number}.0.0/16", f"2001:db8:{number}::/48"),
            destinations=_prefixes("192.0.2.7/32", "2001:db8::7/128") if number % 4 else (),
            permit=number % 5 > 0,
            log=number % 10 == 0,
        )
        for number in range(24)
    ),
    *(
        _rule(
            f"service-{number}",
            Match(_TCP, ports=((1000 + 4 * number, 1001 + 4 * number + number % 3),)),
            destinations=_interfaces("inside"),
        )
        for number in range(24)
    ),
    _rule("echo", Match(_ICMP, types=(8, 0)), Match(_ICMPV6, types=(128,)), permit=False, log=True),
    _rule("web", Match(_TCP, ports=((80, 80),)), sources=_interfaces("outside")),
)
_KINDS = tuple(
    _rule(
        f"{kind}-{number}",
        match,
        sources=_interfaces("outside" if number % 2 else "inside"),
        destinations=_interfaces("inside" if number % 2 else "outside"),
    )
    for number in range(8)
    for kind, match in (
        ("icmp", Match(_ICMP, types=(number,))),
        ("icmpv6", Match(_ICMPV6, types=(number,))),
        ("tcp", Match(_TCP)),
        ("udp", Match(_UDP, ports=((number, number),))),
        ("any", Match(_UDP)),
    )
)


def many(hosts: Sequence[str], ports: Sequence[int], count: int, seed: int) -> list[ResolvedRule]:
    """Random rules of all kinds that flows between these hosts and ports meet."""
    random = Random(seed)

    def side() -> tuple[Endpoint, ...]:
        if random.random() < 0.3:
            return ()
        networks = [
            ip_network(one).supernet(prefixlen_diff=random.choice((0, 0, 1, 4, 8)))
            for one in random.sample(hosts, random.randint(1, 3))
        ]
        return tuple(Endpoint(prefix=one) for one in networks)

    def match() -> tuple[Match, ...]:
        low = random.choice(ports)
        span = ((low, low + random.choice((0, 0, 1, 300))),)
        return random.choice(
            (
                (Match(_TCP, ports=span), Match(_UDP, ports=span)),
                (Match(_TCP, ports=span),),
                (Match(_UDP, ports=span),),
                (Match(_ICMP, types=(random.randrange(20),)),),
                (Match(_ICMPV6, types=(random.randrange(120, 140),)),),
            )
        )

    return [
        _rule(
            f"random-{number}",
            *match(),
            permit=random.random() < 0.7,
            sources=side(),
            destinations=side(),
        )
        for number in range(count)
    ]


CASES: Mapping[str, ResolvedNode] = MappingProxyType(
    {
        "addresses": firewall(*_ADDRESSES),
        "contents": firewall(*_CONTENTS),
        "empty": firewall(),
        "kinds": firewall(*_KINDS),
        "many": firewall(*_MANY),
        "open": firewall(default=RuleAction.PERMIT),
        "renamed": firewall(
            _rule("in", Match(_TCP), sources=_interfaces("a-segment-with-a-long-name")),
            segments=("outside", "a-segment-with-a-long-name"),
        ),
        "stateless": firewall(
            _rule("out", Match(_TCP), sources=_interfaces("inside")),
            _rule("back", Match(_TCP), sources=_interfaces("outside"), log=True, permit=False),
            stateful=False,
        ),
    }
)
