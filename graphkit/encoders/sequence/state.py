"""What a sequence encoder remembers of each row: a tuple of tensors that can be gathered."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from graphkit.errors import GraphError

__all__ = ["State"]

S = TypeVar("S", bound="State")


class State(tuple):
    """A tuple of tensors (or of states) whose first axis is the batch; subclasses name the items.

    torch treats it as a pytree. It is never changed in place but by :meth:`scatter_`, which writes
    into the *other* state.

    Example:
        >>> class LSTMState(State):
        ...     h: Tensor  # [B, C]
        ...     c: Tensor  # [B, C]
        >>> state = LSTMState(h=torch.zeros(3, 8), c=torch.zeros(3, 8))
        >>> state.index_select(torch.tensor([2, 0])).h.shape
        torch.Size([2, 8])

    A field called ``time`` holds absolute times: it keeps its dtype through :meth:`to`.
    """

    _fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._fields = tuple(inspect.get_annotations(cls))
        for index, name in enumerate(cls._fields):
            setattr(cls, name, property(operator.itemgetter(index)))
        pytree.register_pytree_node(cls, _flatten, _Unflatten(cls))

    def __new__(cls: type[S], *values: Any, **named: Any) -> S:
        if cls._fields:
            values += tuple(named.pop(f) for f in cls._fields[len(values) :] if f in named)
            if named or len(values) != len(cls._fields):
                raise TypeError(f"{cls.__name__} has the fields {', '.join(cls._fields)}")
        elif named:
            raise TypeError(f"{cls.__name__} has no named fields")
        return super().__new__(cls, values)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)

    def __repr__(self) -> str:
        names = self._fields or [str(i) for i in range(len(self))]
        items = (
            f"{n}={list(v.shape) if isinstance(v, Tensor) else v}" for n, v in zip(names, self)
        )
        return f"{type(self).__name__}({', '.join(items)})"

    def leaves(self) -> Iterator[Tensor]:
        """All tensors, in order."""
        for value in self:
            if isinstance(value, State):
                yield from value.leaves()
            else:
                yield value

    def map(self: S, function: Callable[..., Any], *others: State) -> S:
        """The state of ``function(tensor, its counterparts in others...)``."""
        return type(self)(
            *(
                first.map(function, *rest) if isinstance(first, State) else function(first, *rest)
                for first, *rest in zip(self, *others)
            )
        )

    def replace(self: S, **fields: Any) -> S:
        """The state with some fields exchanged."""
        return type(self)(**{**dict(zip(self._fields, self)), **fields})

    def index_select(self: S, index: Tensor) -> S:
        """The rows ``index`` (int64 ``[B']``), in that order."""
        return self.map(lambda t: t.index_select(0, index))

    def scatter_(self, table: S, index: Tensor) -> S:
        """Writes row b of this state into row ``index[b]`` of ``table``, in place.

        No index may occur twice: events of one node go through the encoder one after the other
        (:class:`~graphkit.encoders.sequence.StateTable` does that).
        """
        return table.map(lambda t, s: t.index_copy_(0, index, s.to(t.dtype)), self)

    def where(self: S, mask: Tensor, other: S) -> S:
        """Rows of this state where ``mask`` (bool ``[B]``) is true, rows of ``other`` elsewhere."""
        return self.map(
            lambda a, b: torch.where(mask.view(-1, *[1] * (a.dim() - 1)), a, b.to(a.dtype)), other
        )

    def detach(self: S) -> S:
        """Without the graph of gradients."""
        return self.map(torch.Tensor.detach)

    def clone(self: S) -> S:
        """A copy in memory of its own."""
        return self.map(torch.Tensor.clone)

    def to(self: S, device: Any = None, dtype: torch.dtype | None = None) -> S:
        """On another device, or with another dtype: of floating tensors that are not times."""
        moved = []
        for index, value in enumerate(self):
            if isinstance(value, State):
                moved.append(value.to(device, dtype))
                continue
            timed = self._fields[index : index + 1] == ("time",)
            keep = dtype is None or timed or not value.is_floating_point()
            moved.append(value.to(device=device, dtype=value.dtype if keep else dtype))
        return type(self)(*moved)

    def numel(self) -> int:
        """Numbers in all tensors together."""
        return sum(t.numel() for t in self.leaves())

    def check_batch(self, batch: int) -> None:
        """Raise if a tensor has not ``batch`` rows."""
        for leaf in self.leaves():
            if leaf.shape[0] != batch:
                raise GraphError(
                    "state",
                    "the state belongs to another batch",
                    expected=f"{batch} rows",
                    got=leaf.shape[0],
                    fix="Gather the rows of this batch: state.index_select(rows).",
                )


def _flatten(state: State) -> tuple[list[Any], None]:
    return list(state), None


class _Unflatten:
    """Remakes a state of one class; an object, because a lambda in a loop would not pickle."""

    def __init__(self, cls: type[State]) -> None:
        self.cls = cls

    def __call__(self, values: Any, context: None) -> State:
        return self.cls(*values)


pytree.register_pytree_node(State, _flatten, _Unflatten(State))
