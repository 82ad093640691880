"""What the libvirt provider leaves undone around a domain, done by Pulumi's hooks.

Hooks run while the program runs, never in a preview; `pulumi destroy` works without them.
"""

from __future__ import annotations

import pulumi

__all__ = ["domain_hooks", "network_hooks", "pool_hooks"]


def domain_hooks(uri: str) -> pulumi.ResourceHookBinding:
    """Hooks for `lv.Domain`s of the libvirt at `uri`; to be made once a program.

    Before a create, a namesake is removed: its name has the digest, so it is this very node,
    left by a run that was killed or about to be replaced because it was tampered with. After a
    create that failed, the domain that the provider defined and forgot is removed. A delete of
    a domain that is gone fails in the provider for ever, so there it finds an empty one.
    """

    def before_create(args: pulumi.ResourceHookArgs) -> None:
        _remove(uri, str((args.new_inputs or {}).get("name", "")))

    def on_error(args: pulumi.ErrorHookArgs) -> bool:
        if args.failed_operation == "create":
            _remove(uri, str((args.new_inputs or {}).get("name", "")))
            return False
        return args.failed_operation == "delete" and _restore_shell(uri, args.id)

    return pulumi.ResourceHookBinding(
        before_create=[pulumi.ResourceHook("remove-namesake", before_create)],
        on_error=[pulumi.ErrorHook("undo-domain", on_error)],
    )


def network_hooks(uri: str) -> pulumi.ResourceHookBinding:
    """Hooks for `lv.Network`s: a namesake, which a killed run left, goes before a create."""

    def before_create(args: pulumi.ResourceHookArgs) -> None:
        from components.leftovers import remove_network

        remove_network(uri, str((args.new_inputs or {}).get("name", "")))

    return pulumi.ResourceHookBinding(
        before_create=[pulumi.ResourceHook("remove-left-network", before_create)]
    )


def pool_hooks(uri: str) -> pulumi.ResourceHookBinding:
    """Hooks for the `lv.Pool` of a stack: a namesake, which a killed run left, goes first."""

    def before_create(args: pulumi.ResourceHookArgs) -> None:
        from components.leftovers import remove_pool

        inputs = args.new_inputs or {}
        target = inputs.get("target") or {}
        remove_pool(uri, str(inputs.get("name", "")), str(target.get("path", "")))

    return pulumi.ResourceHookBinding(
        before_create=[pulumi.ResourceHook("remove-left-pool", before_create)]
    )


def _remove(uri: str, name: str) -> None:
    from components.connection import connect
    from components.domains import find, forget

    with connect(uri) as connection:
        if (domain := find(connection, name)) is not None:
            forget(domain)


def _restore_shell(uri: str, uuid: str) -> bool:
    """Whether a domain of that UUID was missing and is there now."""
    from components.connection import connect
    from components.domains import define_shell, exists

    with connect(uri) as connection:
        if exists(connection, uuid):
            return False
        define_shell(connection, uuid)
        return True
