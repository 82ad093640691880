"""The embedded default: a private libvirt in namespaces of its own, and the `lab` command."""
