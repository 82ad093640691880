"""What a user declares: `Topology` and its parts, whether written in a file or in code."""

from topology.model.dns import DnsNode, RecordSet
from topology.model.external import ExternalNode
from topology.model.firewall import FirewallNode
from topology.model.management import Management
from topology.model.node import Interface
from topology.model.policy import Policy, Rule
from topology.model.router import RouterNode
from topology.model.segment import Segment
from topology.model.statement import Isolate, Never, Only, Reach, Resolve, Waypoint
from topology.model.topology import AnyNode, Topology
from topology.model.web import WebNode
from topology.model.words import Dataplane, Kind, Protocol, RoutingFault, RuleAction, StatementKind

__all__ = [
    "AnyNode",
    "Dataplane",
    "DnsNode",
    "ExternalNode",
    "FirewallNode",
    "Interface",
    "Isolate",
    "Kind",
    "Management",
    "Never",
    "Only",
    "Policy",
    "Protocol",
    "Reach",
    "RecordSet",
    "Resolve",
    "RouterNode",
    "RoutingFault",
    "Rule",
    "RuleAction",
    "Segment",
    "StatementKind",
    "Topology",
    "Waypoint",
    "WebNode",
]
