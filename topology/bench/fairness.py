"""What is not the same on all sides of the comparison, in words, to be said before any figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from topology.bench.record import Scalar

__all__ = ["unequal"]


def unequal(
    machine: Mapping[str, Scalar | None], memory: Mapping[str, int | None], *, busy: float | None
) -> Iterator[str]:
    """Every inequality of a run.

    `memory` holds what a node of each variant is given, in MiB, `None` for no limit. `busy` is the
    share of the processors that others used when a run was begun all the same.
    """
    if busy is not None:
        yield (
            f"The machine was busy: others used {busy:.0%} of its processors when the run began. "
            "Figures are indications, not results."
        )
    if machine.get("accelerator") == "tcg":
        yield (
            "Unikernels ran under emulation (tcg), containers at the processor's own speed: "
            "comparisons of speed say nothing about unikernels on KVM."
        )
    elif machine.get("virtual") and not machine.get("hardware_virtualisation"):
        yield (
            "This machine's KVM has no hardware virtualisation (it is virtual itself, without VMX "
            "or SVM): every exit of a guest costs many times what it costs on a processor that "
            "has. Unikernels pay for that, containers do not."
        )
    elif machine.get("virtual"):
        yield (
            "The machine is virtual: guests are nested, and their exits cost more than on bare "
            "metal. Unikernels pay for that, containers do not."
        )
    cores = machine.get("cores")
    if isinstance(cores, int) and cores > 1:
        yield (
            f"A unikernel has one virtual processor, beside which QEMU's own threads may use "
            f"others; a container may use all {cores}. The services are single-threaded, but the "
            "kernel forwards for containers on any processor."
        )
    if machine.get("vhost") == 0:
        yield (
            "The host has no vhost-net: QEMU copies each frame between the bridge and a unikernel "
            "itself, where a container's frames never leave the kernel. Published figures of "
            "guests' networks are with vhost-net, or past the kernel altogether."
        )
    yield (
        "A unikernel's network cards and a container's both take what the host's kernel offloads "
        "(checksums, segments of TCP up to 64 KiB), except where a point says `offloads off`."
    )
    given = {variant: one for variant, one in memory.items() if one is not None}
    if len(set(given.values())) > 1 or len(given) != len(memory):
        told = ", ".join(
            f"{variant} {'no limit' if one is None else f'{one} MiB'}"
            for variant, one in sorted(memory.items())
        )
        yield f"Nodes are given different memory: {told}."
