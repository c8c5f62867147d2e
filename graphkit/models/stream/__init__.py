"""Models that read a stream of events: ``score`` before an event, ``observe`` after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphkit.lazy import lazy_names

if TYPE_CHECKING:
    from graphkit.models.stream.edgebank import EdgeBank
    from graphkit.models.stream.history import HistoryLinkPredictor
    from graphkit.models.stream.nat import NAT
    from graphkit.models.stream.tgn import TGN

__all__ = ["NAT", "TGN", "EdgeBank", "HistoryLinkPredictor"]

__getattr__, __dir__ = lazy_names(__name__)
