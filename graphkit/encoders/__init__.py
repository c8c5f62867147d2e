"""Encoders that models take by name or as a module; one folder per kind of input."""

from graphkit.encoders import sequence

__all__ = ["sequence"]
