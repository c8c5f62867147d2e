"""Encoders that models take by name or as a module; one folder per kind of input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphkit.lazy import lazy_names
from graphkit.registry import names

if TYPE_CHECKING:
    from graphkit.encoders import sequence

__all__ = ["list_encoders", "sequence"]


def list_encoders() -> list[str]:
    """Names of all registered encoders, sorted."""
    return names("sequence_encoder")


__getattr__, __dir__ = lazy_names(__name__)
