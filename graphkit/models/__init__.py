"""Published models, one file each; the folders are the views of a graph that they eat."""

from graphkit.models import signal, snapshot, static, stream
from graphkit.registry import get, names

__all__ = ["get", "list_models", "signal", "snapshot", "static", "stream"]


def list_models() -> list[str]:
    """Names of all registered models."""
    return names("model")
