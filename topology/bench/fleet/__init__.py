"""Many instances of one node, started and stopped one by one as libvirt or a runtime does it."""
