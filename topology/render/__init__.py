"""Pure text: what other programs read, rendered from the resolved topology and the plan."""
