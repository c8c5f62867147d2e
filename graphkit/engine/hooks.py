"""Hooks: user code at fixed points of a training, with a state that is stored in checkpoints.

The protocol is :class:`graphkit.Hook`. The engine keeps the order score, loss, backward, observe,
step; hooks are called between these and never replace one of them.
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
    """The training as seen by a hook.

    Attributes:
        name: Name of the model in the result.
        task: The task.
        seed: The seed.
        epochs: Maximum number of epochs.
        settings: Settings of the result, as plain values.
        rank, world: Rank of this process, and number of processes; see :attr:`leads`.
        resume: Whether the training was started with ``resume``.
        resumed: Whether there was a checkpoint to resume from.
        epoch: The epoch, counted from 0.
        step: Number of optimizer steps so far, over all epochs.
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
        """Whether this process writes files and calls services; true for one process of a run."""
        return self.rank == 0

    @property
    def model(self) -> nn.Module:
        """The model, on its device.

        Raises:
            GraphError: The training is one of :func:`graphkit.fit_many`, which has a stack of
                models.
        """
        if self._model is None:
            raise GraphError(
                "hooks",
                "in fit_many the models are trained as one stack, and each alone is not up to date",
                fix="Use training.parameters(), or train with graphkit.fit.",
            )
        return self._model

    def parameters(self) -> dict[str, Tensor]:
        """Return the parameters by name, to be changed in place or used in a loss term.

        In :func:`graphkit.fit_many` they are views of a row of the stack, valid for this call.

        Raises:
            GraphError: The stack of models does not provide them.
        """
        if self._parameters is not None:
            return self._parameters()
        return dict(self.model.named_parameters())

    def stop(self) -> None:
        """Stop the training after this epoch, which is still validated and may be selected."""
        self.stopping = True


class Hooks:
    """The hooks of one training, called in the given order.

    Args:
        hooks: Hooks, checked by :func:`check_hooks`.
        training: The training that is passed to the hooks.
        agree: Function that returns whether a condition is true in any process; see
            :meth:`epoch_end`.
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
        """Whether any hook implements the method of this point."""
        return bool(self._calls[point])

    @torch.no_grad()
    def call(self, point: str, *arguments: Any) -> None:
        """Call every hook that has this method."""
        for method in self._calls[point]:
            method(self.training, *arguments)

    @contextmanager
    def following(self) -> Iterator[None]:
        """Call ``on_fit_start`` before the block, and ``on_fit_end`` with ``None`` if it raises.

        When a run is resumed, the random states are restored after the hooks have been called, so
        that the run continues with the numbers of an uninterrupted one.
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
        """Call ``on_fit_end`` with the result of the training."""
        self._finished = True
        self.call("on_fit_end", result)

    @torch.no_grad()
    def _fail(self) -> None:
        """Let every hook close its resources; the error that ended the training is raised."""
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
        """Call the hooks at the start of an epoch."""
        self.training.epoch = epoch
        self.call("on_epoch_start")
        self._check_parameters()

    def term(self, query: Any, answer: Answer) -> Tensor | None:
        """Return the sum of the terms of :meth:`graphkit.Hook.on_loss`, ``None`` without terms.

        Raises:
            GraphError: A term is not a scalar that depends on the parameters.
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
        """Call the hooks after an optimizer step; ``loss`` is the scalar loss of the batch."""
        self.training.step += 1
        if self._calls["on_step"]:
            self.call("on_step", loss)

    def epoch_end(self, loss: float | None, val: Mapping[str, float]) -> None:
        """Call the hooks at the end of an epoch. If one process stops, all processes stop."""
        metrics = {} if loss is None else {"train_loss": loss}
        self.call("on_epoch_end", {**metrics, **{f"val_{k}": v for k, v in val.items()}})
        self._check_parameters()
        if self._hooks:
            self.training.stopping = self._agree(self.training.stopping)

    def state_dict(self) -> dict[str, Any]:
        """Return the states of the hooks and the position of the training.

        Raises:
            GraphError: The state of a hook contains a value that a checkpoint cannot store.
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
        """Restore the output of :meth:`state_dict`.

        Raises:
            GraphError: The state belongs to other hooks.
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
        """Raise if parameters were replaced, because the optimizer would not update them."""
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
    """Check that each hook has a method of the protocol and no method with a similar name.

    Raises:
        GraphError: The hooks are not in a list, or a hook is a class, has none of the methods, has
            an unknown method, occurs twice, or has a ``state_dict`` but no way to load it.
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
    """Settings of hooks that affect the numbers of a run: ``{"hooks": [...]}``, or empty."""
    found = [_identity(hook) for hook in hooks if not getattr(hook, "only_reads", False)]
    return {"hooks": found} if found else {}


def _identity(hook: Any) -> dict[str, Any]:
    """Class and plain public attributes of a hook, which record its constructor arguments."""
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
    """Whether a hook implements the method, other than by the empty one of the protocol."""
    found = getattr(hook, method, None)
    return found is not None and getattr(found, "__func__", found) is not getattr(Hook, method)


def _tensors(model: nn.Module | None) -> dict[str, nn.Parameter]:
    return {} if model is None else dict(model.named_parameters())


def _check_plain(value: Any, place: str) -> None:
    """Raise if a value cannot be read by ``torch.load(weights_only=True)``."""
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
