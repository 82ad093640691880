"""For tests of a topology: `assert net.reach("outside", "web", "http")`.

The pytest plugin (`topology.testing.plugin`) has a fixture `net` for the file that the option
`--topology` or the setting `topology` names, and tells packet and path when a test fails.
"""

from topology.testing.net import Net, PartlyReached, Reached, UnknownName

__all__ = ["Net", "PartlyReached", "Reached", "UnknownName"]
