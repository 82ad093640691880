"""What the libvirt provider leaves undone around a domain, done by Pulumi's hooks.

Hooks run while the program runs, never in a preview; `pulumi destroy` works without them.
"""

from __future__ import annotations

import pulumi

__all__ = ["domain_hooks"]


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
