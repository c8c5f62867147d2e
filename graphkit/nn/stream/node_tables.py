"""State with one row per node, for a growing number of nodes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.stream.table_rows import feature_table, grow_rows

__all__ = ["NodeTables"]


class NodeTables(nn.Module):
    r"""Base class of modules whose buffers have one row per node and can grow.

    :meth:`grow` adds rows to every table of this module and of its submodules. The storage doubles
    when it is full, so that adding nodes one by one is efficient; existing rows remain bit for bit
    the same. The number of nodes is part of the state dict (``node_count``). Loading a state dict
    with more nodes makes the module grow; loading one with fewer nodes leaves the remaining rows
    empty.

    Args:
        num_nodes: Number of nodes :math:`N`.

    Example:
        >>> class Popularity(NodeTables):
        ...     def __init__(self, num_nodes: int) -> None:
        ...         super().__init__(num_nodes)
        ...         self.add_table("count", dtype=torch.int64)
    """

    node_count: Tensor
    x: Tensor | None

    def __init__(self, num_nodes: int) -> None:
        super().__init__()
        self.num_nodes = num_nodes
        self.register_buffer("node_count", torch.tensor(num_nodes, dtype=torch.int64))
        self._fill: dict[str, float] = {}

    def add_table(
        self, name: str, *shape: int, dtype: torch.dtype | None = None, fill: float = 0
    ) -> None:
        """Register a buffer ``[num_nodes, *shape]``.

        Args:
            name: Name of the buffer.
            shape: Shape of a row.
            dtype: Data type of the buffer; by default the default float type of torch.
            fill: Value of the rows of nodes without events.
        """
        dtype = torch.get_default_dtype() if dtype is None else dtype
        self.register_buffer(name, torch.full((self.num_nodes, *shape), fill, dtype=dtype))
        self._fill[name] = fill

    def add_node_features(self, x: Tensor | None) -> int:
        """Register a copy of the node features ``[num_nodes, ...]`` as ``x``; ``None`` for none.

        Returns:
            The number of features per node, 0 for ``None``.

        Raises:
            GraphError: The number of rows differs from the number of nodes.
        """
        if x is not None and len(x) != self.num_nodes:
            raise GraphError("x", "the number of rows differs", expected=self.num_nodes, got=len(x))
        # A copy, because growing and loading write to it.
        self.register_buffer("x", None if x is None else feature_table(x).clone())
        return 0 if x is None else self.x.shape[1]

    def reset_tables(self) -> None:
        """Reset all tables that were registered by :meth:`add_table`."""
        for name, fill in self._fill.items():
            getattr(self, name).fill_(fill)

    def grow(self, num_nodes: int, x: Tensor | None = None) -> None:
        """Add new nodes without history; their ids begin at the current number of nodes.

        Args:
            num_nodes: New total number of nodes.
            x: Features of the new nodes, ``[new nodes, ...]``, if the module has features.

        Raises:
            GraphError: ``num_nodes`` is below the current number, or ``x`` does not fit.
        """
        held = self.num_nodes
        if num_nodes < held:
            raise GraphError(
                "num_nodes",
                "nodes cannot be taken away",
                expected=f">= {held}, the number of nodes",
                got=num_nodes,
            )
        if num_nodes == held and (x is None or len(x) == 0):
            return
        rows = self._new_features(x, num_nodes - held)
        for module in self.modules():
            if isinstance(module, NodeTables):
                module._resize(num_nodes)
        if rows is not None:
            self.x[held:] = rows

    def _new_features(self, x: Tensor | None, added: int) -> Tensor | None:
        own = getattr(self, "x", None)
        if own is None:
            if x is not None:
                raise GraphError(
                    "x", "this model was made without node features", got=list(x.shape)
                )
            return None
        width = own.shape[1]
        expected = f"[{added}, {width}], a row for each new node"
        if x is None:
            raise GraphError(
                "x",
                "new nodes need features, as those that the model was made with have",
                expected=expected,
                fix="Call grow(num_nodes, x=...).",
            )
        rows = feature_table(x).to(own)
        if rows.shape != (added, width):
            raise GraphError(
                "x", "does not fit the new nodes", expected=expected, got=list(x.shape)
            )
        return rows

    def _resize(self, num_nodes: int) -> None:
        """Add rows to the tables of this module only; new rows of ``x`` are zero."""
        tables = {**self._fill, **({} if getattr(self, "x", None) is None else {"x": 0})}
        for name, fill in tables.items():
            setattr(self, name, grow_rows(getattr(self, name), num_nodes, fill))
        self.num_nodes = num_nodes
        self.node_count.fill_(num_nodes)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        saved = state_dict.get(f"{prefix}node_count")
        if isinstance(saved, Tensor):
            count = int(saved)
            if count > self.num_nodes:
                self._resize(count)
            elif count < self.num_nodes:  # load_state_dict has made a shallow copy of the dict
                self._pad(state_dict, prefix, count)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _pad(self, state_dict: Any, prefix: str, count: int) -> None:
        """Pad for nodes that are missing in the state dict: empty rows, features unchanged."""
        state_dict[f"{prefix}node_count"] = self.node_count.clone()
        for name in (*self._fill, "x"):
            value, own = state_dict.get(prefix + name), getattr(self, name, None)
            if own is None or not isinstance(value, Tensor) or value.shape[:1] != (count,):
                continue
            rest = own[count:] if name == "x" else torch.full_like(own[count:], self._fill[name])
            if value.shape[1:] == own.shape[1:]:
                state_dict[prefix + name] = torch.cat([value, rest.to(value)])
