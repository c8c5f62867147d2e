"""Many models of one shape as one: every parameter and buffer gets a leading axis of models.

It works for modules whose operations take that axis as it comes (they count axes from the end) and
whose dropouts are :class:`SeededDropout`. Each model in a stack learns as it would alone: nothing
is shared, and each draws its dropout from a generator of its own, which begins where
``torch.manual_seed(seed)`` begins.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.dropout.seeded import SeededDropout

__all__ = ["Stack"]


class Stack(nn.Module):
    """Models that learn side by side, each as it would alone.

    Args:
        models: Of one class and of equal sizes and settings.
        seeds: One for each.

    Shapes:
        - **input:** those of the model with a leading axis of models
        - **output:** the same with that axis

    Raises:
        GraphError: The models are not alike, or there is not one seed for each.
    """

    def __init__(self, models: Sequence[nn.Module], seeds: Sequence[int]) -> None:
        super().__init__()
        if not models or len(models) != len(seeds):
            raise GraphError("models", "one seed for each", got=f"{len(models)}, {len(seeds)}")
        first = models[0]
        alike = {(type(m), repr(m), *((k, v.shape) for k, v in _state(m).items())) for m in models}
        if len(alike) > 1:
            raise GraphError("models", "they are not alike in class, sizes or settings")
        self.model = copy.deepcopy(first)
        states = [_state(m) for m in models]
        _fill(self.model, {k: torch.stack([s[k] for s in states]) for k in states[0]})
        self._seed([torch.Generator(_device(first)).manual_seed(int(s)) for s in seeds])
        self.train(first.training)

    def __len__(self) -> int:
        return len(self.generators)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.model(*inputs)

    @property
    def auxiliary_loss(self) -> Callable[[], Tensor]:
        """Terms of the models' own losses, see :meth:`_auxiliary`; absent where they have none."""
        if not hasattr(self.model, "auxiliary_loss"):
            raise AttributeError(f"{type(self.model).__name__} has no auxiliary_loss")
        return self._auxiliary

    def _auxiliary(self) -> Tensor:
        """What the models' ``auxiliary_loss()`` gives after a forward pass, ``[models]``.

        Raises:
            GraphError: It is not one number for each model.
        """
        found = self.model.auxiliary_loss()
        if found.shape != (len(self),):
            raise GraphError(
                "auxiliary_loss",
                f"{type(self.model).__name__} does not keep the models of a stack apart",
                expected=f"one number for each of the {len(self)} models",
                got=f"shape {list(found.shape)}",
                fix="Reduce over axes that are counted from the end, and leave the first.",
            )
        return found

    def state_of(self, row: int) -> dict[str, Tensor]:
        """A state dict for the model of a row (views)."""
        return {name: value.detach()[row] for name, value in self.model.state_dict().items()}

    def parameters_of(self, row: int) -> dict[str, Tensor]:
        """The parameters of the model of a row: views, with gradients."""
        return {name: value[row] for name, value in self.model.named_parameters()}

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the models only; parameters are new tensors."""
        rows = list(rows)
        _fill(self.model, {name: value[rows] for name, value in _state(self.model).items()})
        self._seed([self.generators[row] for row in rows])

    def _seed(self, generators: list[torch.Generator]) -> None:
        self.generators = generators
        for module in self.model.modules():
            if isinstance(module, SeededDropout):
                module.generators = generators


def _state(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in model.state_dict().items()}


def _device(model: nn.Module) -> Any:
    return next(model.parameters()).device


def _fill(model: nn.Module, values: dict[str, Tensor]) -> None:
    """Put new tensors, of other shapes, in the places of parameters and buffers."""
    for name, value in values.items():
        owner, _, leaf = name.rpartition(".")
        module = model.get_submodule(owner)
        if leaf in module._parameters:
            old = module._parameters[leaf]
            module._parameters[leaf] = nn.Parameter(value, requires_grad=old.requires_grad)
        else:
            module._buffers[leaf] = value.clone()
