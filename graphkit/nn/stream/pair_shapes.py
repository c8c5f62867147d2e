"""The shapes of a question to a stream model."""

from __future__ import annotations

from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["check_pairs"]


def check_pairs(src: Tensor, dst: Tensor, t: Tensor) -> None:
    """Refuse ends and times that do not belong together.

    Args:
        src: ``[B]``.
        dst: ``[B]``, or ``[B, C]`` candidates.
        t: ``[B]``.

    Raises:
        GraphError: Another shape; names the one that is expected.
    """
    if src.dim() != 1:
        raise GraphError("src", "not one node per event", expected="[B]", got=list(src.shape))
    b = src.shape[0]
    if dst.dim() not in (1, 2) or dst.shape[0] != b:
        raise GraphError(
            "dst",
            "not one destination, or one row of candidates, for each source",
            expected=f"[{b}] or [{b}, C], as src is [{b}]",
            got=list(dst.shape),
        )
    if t.shape != src.shape:
        raise GraphError("t", "not one time per event", expected=f"[{b}]", got=list(t.shape))
