"""What a variant cannot carry: more interfaces or less memory than its platform allows."""

from __future__ import annotations

from collections.abc import Iterator

from topology.diagnostics import Code, Diagnostic, Diagnostics, Subject
from topology.plan.types import Variant
from topology.platforms import ADAPTERS
from topology.platforms.types import Adapter
from topology.resolve.types import ResolvedNode, ResolvedTopology

_MIB = 1 << 20
# As the document that brings them and as what is answered. The node itself takes 1 to 1.5 MiB.
_TWICE = 2
_NODE = _MIB


def capacity(resolved: ResolvedTopology, variant: Variant) -> Diagnostics:
    """Every node that the variant's platform cannot carry as it is declared."""
    adapter = ADAPTERS[variant]
    return Diagnostics(
        diagnostic
        for node in resolved.nodes.values()
        if node.deployed
        for diagnostic in _node(node, adapter)
    )


def _node(node: ResolvedNode, adapter: Adapter) -> Iterator[Diagnostic]:
    variant = adapter.variant.value
    count, most = len(node.interfaces), adapter.most_interfaces
    if most is not None and count > most:
        yield Diagnostic(
            Code.TOO_MANY_INTERFACES,
            f"{node.name} has {count} interfaces, a {variant} node carries {most} at most",
            Subject(("nodes", node.name, "interfaces")),
            hint="spread its segments over several nodes",
        )
    if node.memory is not None and node.memory < adapter.least_memory:
        yield Diagnostic(
            Code.TOO_LITTLE_MEMORY,
            f"{node.name} has {node.memory} MiB, "
            f"a {variant} node needs {adapter.least_memory} MiB at least",
            Subject(("nodes", node.name, "memory")),
            hint=f"leave memory out for {adapter.default_memory} MiB",
        )
        return
    content = sum(len(resource.body) for resource in node.resources)
    memory = adapter.default_memory if node.memory is None else node.memory
    if _TWICE * content + _NODE > memory * _MIB:
        yield Diagnostic(
            Code.TOO_LITTLE_MEMORY,
            f"{node.name} has {memory} MiB for {content / _MIB:.1f} MiB of pages, "
            "which a node holds twice while it starts",
            Subject(("nodes", node.name, "memory")),
            hint=f"set memory to {-(-_TWICE * content // _MIB) + 2}, or serve less",
        )


__all__ = ["capacity"]
