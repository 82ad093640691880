"""The engine: a typed topology, what follows from it, and what must hold before it boots."""

__version__ = "0.1.0"

__all__ = ["__version__"]
