"""Pulumi components that realise a `Deployment`; they consult nothing else.

Modules are imported one by one: the process that runs `lxc` for Pulumi needs neither the SDK of
the libvirt provider nor the engine.
"""
