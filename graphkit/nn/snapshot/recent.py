"""The last few steps of a timeline, kept as state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

__all__ = ["RecentSteps"]


class RecentSteps(nn.Module):
    """The tensors of the last ``size`` steps, in buffers: a state dict has as many as there are.

    Args:
        size: Steps that are kept; 0 keeps none.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = int(size)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def steps(self) -> list[tuple[Tensor, ...]]:
        """What is kept, oldest first."""
        found: list[list[Tensor]] = [[] for _ in range(self._count)]
        for name, value in self._buffers.items():
            step, _ = _place(name)
            found[step].append(value)
        return [tuple(tensors) for tensors in found]

    def append(self, *tensors: Tensor) -> None:
        """Keep the tensors of one more step, and let go of the oldest if there are enough."""
        kept = [*self.steps(), tensors]
        self._keep(kept[-self.size :] if self.size else [])

    def change(self, function: Callable[..., tuple[Tensor, ...]]) -> None:
        """Replace the tensors of every step by ``function(*tensors)``; steps may share one."""
        self._keep([function(*tensors) for tensors in self.steps()])

    def reset_state(self) -> None:
        """Keep nothing."""
        self._keep([])

    def extra_repr(self) -> str:
        return f"size={self.size}"

    def _keep(self, steps: list[tuple[Tensor, ...]]) -> None:
        self._buffers.clear()
        self._count = len(steps)
        for step, tensors in enumerate(steps):
            for i, tensor in enumerate(tensors):
                self.register_buffer(f"step{step}_{i}", tensor)

    def _load_from_state_dict(self, state: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        saved: dict[int, dict[int, Tensor]] = {}
        made: dict[
            int, Tensor
        ] = {}  # steps may share a tensor, such as features that do not change
        for key in state:
            if key.startswith(f"{prefix}step"):
                step, i = _place(key.removeprefix(prefix))
                value = state[key]
                place = value.data_ptr(), value.shape, value.stride(), value.dtype
                if place not in made:
                    made[place] = value.clone()
                saved.setdefault(step, {})[i] = made[place]
        self._keep([tuple(t[i] for i in sorted(t)) for _, t in sorted(saved.items())])
        super()._load_from_state_dict(state, prefix, *rest)


def _place(name: str) -> tuple[int, int]:
    """Step and position of a buffer."""
    step, _, i = name.removeprefix("step").partition("_")
    return int(step), int(i)
