"""Authoritative DNS servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from topology.model.base import DnsLabel, DnsName, Model, OneOrMore, RecordName, Strict, bad_value
from topology.model.node import DeployedNode

__all__ = ["DnsNode", "RecordSet", "Records"]


def _txt(value: str) -> str:
    if len(value.encode()) > 4096:
        raise bad_value("txt", "a TXT record holds at most 4096 bytes here")
    return value


class RecordSet(Model):
    """What a name in a zone stands for: the addresses of nodes, text, or another name.

    A file may write the nodes alone. A `cname` is a name of the same zone, as it is
    written there, or an absolute name with a dot.
    """

    nodes: OneOrMore | None = None
    txt: OneOrMore | None = None
    cname: DnsLabel | None = None

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.cname is not None and (self.nodes or self.txt):
            raise bad_value(
                "record",
                "a name with a cname has nothing else (RFC 1034 section 3.6.2)",
                "keep the cname or the rest",
            )
        if self.cname is None and not self.nodes and not self.txt:
            raise bad_value("record", "a record is empty", "name a node, or give txt or cname")
        for text in self.txt or ():
            _txt(text)
        return self


def _record_set(value: Any) -> Any:
    return {"nodes": value} if isinstance(value, str | list | tuple) else value


Records = Mapping[RecordName, Annotated[RecordSet, BeforeValidator(_record_set)]]
"""A zone's records by name without the zone.

`@` is the zone itself, `*` stands for every name that does not exist (RFC 4592); YAML wants
quotes around both.
"""


class DnsNode(DeployedNode):
    """An authoritative name server on UDP and TCP port 53.

    `records` maps a zone to its records; SOA, NS, addresses and reverse zones follow.
    `rate_limit` is the most responses a second over UDP to one prefix of clients (a /24, a /56):
    beyond it, every second one is cut short so that a real client asks over TCP, the others are
    not sent. Left out, all are sent.
    """

    kind: Literal["dns"] = "dns"
    records: Annotated[Mapping[DnsName, Records], Field(min_length=1)]
    rate_limit: Annotated[int, Strict, Field(ge=1, le=100_000)] | None = None
