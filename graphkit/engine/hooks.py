"""Hooks: code of others at fixed points of a training, with a state that checkpoints keep.

The protocol is :class:`graphkit.Hook`. The engine keeps the order score, loss, backward, observe,
step; a hook is called between these and never instead of one.
"""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from graphkit.engine.seeds import random_state, restore_random_state
from graphkit.errors import GraphError, UnknownNameError
from graphkit.protocols import Hook, Task
from graphkit.tasks.answer import Answer

if TYPE_CHECKING:
    from graphkit.engine.result import Result

__all__ = ["Hooks", "Training", "check_hooks", "hook_settings"]

_POINTS = tuple(name for name in vars(Hook) if name.startswith("on_"))


@dataclass
class Training:
    """What a hook sees of the training that it follows.

    Attributes:
        name: Name of the model in the result.
        task: The task.
        seed: The seed.
        epochs: The most epochs to train.
        settings: The settings of the result, as plain values.
        rank, world: Number of this process, and of processes; see :attr:`leads`.
        resume: Whether the training was started with ``resume``.
        resumed: Whether there was a checkpoint to resume from.
        epoch: The epoch, counted from 0.
        step: Optimiser steps so far, over all epochs.
        stopping: Whether :meth:`stop` was called.
    """

    name: str
    task: Task
    seed: int
    epochs: int
    settings: dict[str, Any]
    rank: int = 0
    world: int = 1
    resume: bool = False
    resumed: bool = False
    epoch: int = 0
    step: int = 0
    stopping: bool = False
    _model: nn.Module | None = field(default=None, repr=False)
    _parameters: Callable[[], dict[str, Tensor]] | None = field(default=None, repr=False)

    @property
    def leads(self) -> bool:
        """Whether this process writes files and talks to services; one of a run does."""
        return self.rank == 0

    @property
    def model(self) -> nn.Module:
        """The model, on its device.

        Raises:
            GraphError: In :func:`graphkit.fit_many` the models are trained as one stack.
        """
        if self._model is None:
            raise GraphError(
                "hooks",
                "in fit_many the models are trained as one stack, and each alone is not up to date",
                fix="Use training.parameters(), or train with graphkit.fit.",
            )
        return self._model

    def parameters(self) -> dict[str, Tensor]:
        """The parameters by name, to be changed in place or used in a term of the loss.

        In :func:`graphkit.fit_many` they are views of a row of the stack, valid for this call.

        Raises:
            GraphError: The stack of the models does not give them.
        """
        if self._parameters is not None:
            return self._parameters()
        return dict(self.model.named_parameters())

    def stop(self) -> None:
        """End the training after this epoch: it is validated and may be the one that is kept."""
        self.stopping = True


class Hooks:
    """The hooks of one training, called in the order in which they were given.

    Args:
        hooks: Checked by :func:`check_hooks`.
        training: What they see.
        agree: Whether any process says so; see :meth:`epoch_end`.
    """

    def __init__(
        self,
        hooks: Sequence[Any],
        training: Training,
        agree: Callable[[bool], bool] = lambda own: own,
    ) -> None:
        self.training = training
        self._hooks, self._agree = tuple(hooks), agree
        self._calls = {
            point: [getattr(hook, point) for hook in hooks if _overrides(hook, point)]
            for point in _POINTS
        }
        self._own = _tensors(training._model)
        self._finished = False

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def have(self, point: str) -> bool:
        """Whether any hook has something to do at this point."""
        return bool(self._calls[point])

    @torch.no_grad()
    def call(self, point: str, *arguments: Any) -> None:
        """Call every hook that has this method."""
        for method in self._calls[point]:
            method(self.training, *arguments)

    @contextmanager
    def following(self) -> Iterator[None]:
        """``on_fit_start`` before the block; ``on_fit_end`` with ``None`` if it raises.

        What the hooks draw from random generators when a run is resumed is undone, so that the run
        goes on with the numbers of an unbroken one.
        """
        try:
            before = random_state() if self.training.resumed else None
            self.call("on_fit_start")
            if before is not None:
                restore_random_state(before)
            self._check_parameters()
            yield
        except BaseException:
            self._fail()
            raise

    def finish(self, result: Result) -> None:
        """The training has ended with a result."""
        self._finished = True
        self.call("on_fit_end", result)

    @torch.no_grad()
    def _fail(self) -> None:
        """Let every hook close what it has open; the error that ended the training is raised."""
        for method in [] if self._finished else self._calls["on_fit_end"]:
            try:
                method(self.training, None)
            except Exception as error:
                warnings.warn(
                    f"on_fit_end of {type(method.__self__).__name__} failed after the training "
                    f"had: {error!r}",
                    stacklevel=2,
                )

    def epoch_start(self, epoch: int) -> None:
        """An epoch begins."""
        self.training.epoch = epoch
        self.call("on_epoch_start")
        self._check_parameters()

    def term(self, query: Any, answer: Answer) -> Tensor | None:
        """Sum of the terms of :meth:`graphkit.Hook.on_loss`, ``None`` without any.

        Raises:
            GraphError: A term is not a number that depends on the parameters.
        """
        found = None
        for method in self._calls["on_loss"]:
            term = method(self.training, query, answer)
            if term is None:
                continue
            if not isinstance(term, Tensor) or term.dim() or not term.requires_grad:
                raise GraphError(
                    "hooks",
                    f"on_loss of {type(method.__self__).__name__} gave no term of a loss",
                    expected="a tensor without axes that depends on the parameters, or None",
                    got=f"shape {list(term.shape)}, requires_grad={term.requires_grad}"
                    if isinstance(term, Tensor)
                    else type(term).__name__,
                )
            found = term if found is None else found + term
        return found

    def after_step(self, loss: Tensor) -> None:
        """The optimiser has stepped; ``loss`` is that of the batch, without axes."""
        self.training.step += 1
        if self._calls["on_step"]:
            self.call("on_step", loss)

    def epoch_end(self, loss: float | None, val: Mapping[str, float]) -> None:
        """An epoch ends. If one process stops, all do."""
        metrics = {} if loss is None else {"train_loss": loss}
        self.call("on_epoch_end", {**metrics, **{f"val_{k}": v for k, v in val.items()}})
        self._check_parameters()
        if self._hooks:
            self.training.stopping = self._agree(self.training.stopping)

    def state_dict(self) -> dict[str, Any]:
        """The states of the hooks, and where the training stands.

        Raises:
            GraphError: The state of a hook has something that a checkpoint cannot hold.
        """
        states = []
        for hook in self._hooks:
            state = hook.state_dict() if hasattr(hook, "state_dict") else {}
            _check_plain(state, f"{type(hook).__name__}.state_dict()")
            states.append(state)
        return {
            "step": self.training.step,
            "stopping": self.training.stopping,
            "kinds": self._kinds(),
            "states": states,
        }

    def load_state_dict(self, state: Mapping[str, Any] | None) -> None:
        """Take up what :meth:`state_dict` gave.

        Raises:
            GraphError: It is that of other hooks.
        """
        kinds = [] if state is None else list(state["kinds"])
        if kinds != self._kinds():
            raise GraphError(
                "hooks",
                "the checkpoint was made with other hooks",
                expected=", ".join(kinds) or "none",
                got=", ".join(self._kinds()) or "none",
                fix="Resume with those of the checkpoint, in the same order.",
            )
        self.training.step, self.training.stopping = int(state["step"]), bool(state["stopping"])
        for hook, own in zip(self._hooks, state["states"]):
            if hasattr(hook, "load_state_dict"):
                hook.load_state_dict(own)

    def _kinds(self) -> list[str]:
        return [type(hook).__qualname__ for hook in self._hooks]

    def _check_parameters(self) -> None:
        """Parameters that were replaced would no longer be those of the optimiser."""
        now = _tensors(self.training._model)
        changed = [name for name in self._own if now.get(name) is not self._own[name]]
        changed += [name for name in now if name not in self._own]
        if changed:
            raise GraphError(
                "hooks",
                f"a hook replaced parameters of the model: {', '.join(changed[:3])}",
                expected="changes in place, such as parameter.mul_(mask)",
                fix="Replace parameters before fit.",
            )


def check_hooks(hooks: Sequence[Any]) -> list[Any]:
    """Hooks that have at least one method of the protocol, and none that is nearly one.

    Raises:
        GraphError: They are not in a list, or one of them is a class, has none of the methods, has
            an unknown one, is there twice, or has a ``state_dict`` that nothing loads.
    """
    if not isinstance(hooks, (list, tuple)):
        raise GraphError("hooks", "not a list", expected="[hook, ...]", got=type(hooks).__name__)
    for hook in hooks:
        kind = type(hook).__name__
        if isinstance(hook, type):
            raise GraphError("hooks", f"{hook.__name__} is a class", fix="Give an instance of it.")
        for name in sorted(n for n in {*dir(type(hook)), *_attributes(hook)} if n[:3] == "on_"):
            if name not in _POINTS and callable(getattr(hook, name)):
                raise UnknownNameError(f"method of hooks ({kind})", name, _POINTS)
        if not any(_overrides(hook, point) for point in _POINTS):
            raise GraphError(
                "hooks",
                f"{kind} has none of the methods of a hook",
                expected=", ".join(_POINTS),
                fix="Give a logger as graphkit.engine.LogMetrics(logger)."
                if hasattr(hook, "log")
                else "See graphkit.Hook.",
            )
        if _overrides(hook, "state_dict") != _overrides(hook, "load_state_dict"):
            raise GraphError(
                "hooks", f"{kind} has one of state_dict and load_state_dict", fix="Write both."
            )
    if len({id(hook) for hook in hooks}) < len(hooks):
        raise GraphError("hooks", "one of them is there twice")
    return list(hooks)


def hook_settings(hooks: Sequence[Any]) -> dict[str, Any]:
    """What the numbers of a run depend on: ``{"hooks": [...]}``, or nothing without such hooks."""
    found = [_identity(hook) for hook in hooks if not getattr(hook, "only_reads", False)]
    return {"hooks": found} if found else {}


def _identity(hook: Any) -> dict[str, Any]:
    """What a hook was made with, as far as it shows: its class and its plain public values."""
    plain = {
        name: value
        for name, value in sorted(_attributes(hook).items())
        if not name.startswith("_")
        and (value is None or isinstance(value, (bool, int, float, str)))
    }
    return {"kind": type(hook).__qualname__, **plain}


def _attributes(hook: Any) -> dict[str, Any]:
    return getattr(hook, "__dict__", {})


def _overrides(hook: Any, method: str) -> bool:
    """Whether it has the method, and not the empty one of the protocol."""
    found = getattr(hook, method, None)
    return found is not None and getattr(found, "__func__", found) is not getattr(Hook, method)


def _tensors(model: nn.Module | None) -> dict[str, nn.Parameter]:
    return {} if model is None else dict(model.named_parameters())


def _check_plain(value: Any, place: str) -> None:
    """Refuse what ``torch.load(weights_only=True)`` would not read again."""
    if type(value) is dict:
        for key, content in value.items():
            _check_plain(key, place)
            _check_plain(content, f"{place}[{key!r}]")
    elif type(value) in (list, tuple):
        for content in value:
            _check_plain(content, place)
    elif not (type(value) in (bool, int, float, str, Tensor, nn.Parameter) or value is None):
        number = isinstance(value, numbers.Number)
        raise GraphError(
            "hooks",
            f"a checkpoint cannot hold {place}",
            expected="numbers, text, tensors, and lists and dicts of them",
            got=type(value).__name__,
            fix="Call .item() on it." if number else None,
        )
