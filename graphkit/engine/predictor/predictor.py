"""A fitted model together with what its data looked like."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import torch
from torch import Tensor, nn

from graphkit import recipe
from graphkit.checks import check_count
from graphkit.engine.compatible import check_match, check_model, check_task
from graphkit.engine.model_name import model_name
from graphkit.engine.predictor.event_state import device_of
from graphkit.engine.predictor.folder import read_folder, write_folder
from graphkit.engine.predictor.pretrained import frozen_elsewhere, own_state, restore_state
from graphkit.errors import GraphError, UnknownNameError

__all__ = ["Predictor"]

_SPLITS = ("train", "val", "test")
_METHODS = ("score", "recommend", "observe", "forecast", "predict", "embed", "close")


class Predictor:
    """A fitted model with everything that it needs to be used on new data.

    A task turns a graph into what a model reads: labels into ids, times into ticks, readings into
    scaled ones. A predictor keeps that beside the model, so that new tables are read in the same
    way: columns by name, nodes by label, times as dates or in any unit. Answers are tables, by
    label and in original units. It can be saved and opened in another process, without the data
    that the model was trained on.

    ``Predictor(model, task)`` gives the predictor of the task's kind. What each kind offers:

    =============================== ============================================================
    task                            methods
    =============================== ============================================================
    ``LinkPrediction``              ``score``, ``recommend``, ``observe``, ``embed``
    ``SnapshotLinkPrediction``      ``score``, ``recommend``, ``observe``, ``close``, ``embed``
    ``EdgeClassification``,         ``predict``, ``observe``, ``close``, ``embed``
    ``SnapshotNodeClassification``
    ``Forecast``                    ``forecast``, ``observe``
    ``WindowClassification``,       ``predict``
    ``RecordingClassification``
    ``NodeClassification``          ``predict``, ``embed``
    =============================== ============================================================

    The predictor has a copy of the model and of its state: neither changes the other.

    Args:
        model: A fitted model, in the state from which the predictor goes on.
        task: The task that it was fitted to.
        batch_size: Events per batch, for models that see a stream in batches; that of training.
        until: ``"train"`` or ``"val"``: empty the state and replay everything up to the end of that
            subset first. By default the model's present state is taken; on snapshots, whose steps
            the model does not count, the state after the last step of the task.

    Raises:
        GraphError: Model and task do not go together, or the task has no predictor.

    Example:
        >>> result = graphkit.fit(model, task)
        >>> result.predictor.save("fitted")
        >>> predictor = graphkit.Predictor.open("fitted")  # in another process
        >>> predictor.score(pairs)
    """

    kind: ClassVar[str]
    """Name of the kind of predictor, as it stands in a saved folder."""
    tasks: ClassVar[tuple[str, ...]]
    """Registered names of the tasks that it serves."""

    _kinds: ClassVar[dict[str, type[Predictor]]] = {}

    model: nn.Module
    task_name: str
    batch_size: int

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "kind" in vars(cls):
            Predictor._kinds[cls.kind] = cls

    def __new__(cls, model: Any = None, task: Any = None, *_: Any, **__: Any) -> Predictor:
        if cls is Predictor:
            check_task(task)
            cls = _kind_for(task)
        return object.__new__(cls)

    def __init__(
        self,
        model: nn.Module,
        task: Any,
        batch_size: int | None = None,
        until: str | None = None,
    ) -> None:
        check_task(task)
        check_model(model)
        check_match(model, task)
        if type(self) is not _kind_for(task):
            raise GraphError(
                "task",
                f"{type(self).__name__} does not serve it",
                got=task.name,
                fix="Use Predictor.",
            )
        if until not in (None, "train", "val"):
            raise UnknownNameError("until", until, ("train", "val"))
        self.batch_size = 100 if batch_size is None else check_count(batch_size, "batch_size")
        self.task_name = task.name
        self.model_name = model_name(model)
        self.dataset = task.dataset
        self.model = copy.deepcopy(model).eval()
        self._adopt(task, None if until is None else _SPLITS[_SPLITS.index(until) + 1])

    # ---------------------------------------------------------------- for each kind
    def _adopt(self, task: Any, before: str | None) -> None:
        """Take from a task what turns data into model input.

        Args:
            task: The task.
            before: Bring the state to the beginning of this subset; ``None`` keeps it as it is.
        """
        raise NotImplementedError

    def _facts(self) -> dict[str, Any]:
        """What was taken, as values that JSON holds."""
        raise NotImplementedError

    def _tensors(self) -> dict[str, Tensor]:
        """The tensors that belong to it."""
        return {}

    def _restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Undo :meth:`_facts` and :meth:`_tensors`."""
        raise NotImplementedError

    # ---------------------------------------------------------------- on disk
    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return device_of(self.model)

    def to(self, device: torch.device | str) -> Predictor:
        """The same predictor with its model on another device; in place."""
        self.model.to(device)
        return self

    def save(self, folder: str | Path) -> Path:
        """Write a folder from which :meth:`open` makes the same predictor, state included.

        Weights and state are safetensors, everything else is JSON. The folder is replaced
        atomically. Frozen weights of a pretrained backbone are not written but named by their
        folder and checksum.

        Args:
            folder: A new or empty folder, or one with a saved predictor.

        Raises:
            GraphError: ``folder`` holds other things, or a label cannot be written as JSON.
        """
        compact = getattr(self.model, "compact", None)
        if compact is not None:
            compact()
        arguments: dict[str, Tensor] = {}
        try:
            written, problem = recipe.recipe_of(self.model, arguments), None
        except GraphError as error:
            written, problem = None, str(error)
        facts = {
            "kind": self.kind,
            "task": self.task_name,
            "dataset": self.dataset,
            "batch_size": self.batch_size,
            "model": {
                "name": self.model_name,
                "recipe": written,
                "not_registered": problem,
                "pretrained": frozen_elsewhere(self.model),
            },
            "data": self._facts(),
        }
        groups = {
            "model": own_state(self.model),
            "arguments": arguments,
            "data": self._tensors(),
        }
        return write_folder(folder, facts, {k: v for k, v in groups.items() if v})

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        model: nn.Module | type[nn.Module] | None = None,
        device: torch.device | str = "cpu",
    ) -> Predictor:
        """Open a folder that :meth:`save` wrote.

        Args:
            folder: The folder.
            model: The model, made as the saved one was, where its class or a part of it is not
                registered; its weights and state are loaded. A class is called without arguments.
            device: Where the model goes.

        Raises:
            MissingFileError: There is no such folder.
            GraphError: The folder is incomplete, damaged or of another major version of graphkit;
                or the model's class is not registered and ``model`` is not given.
        """
        facts, groups = read_folder(folder)
        given = None if model is None else _given(model)
        with _of(folder):
            told, kind = facts["model"], _known_kind(facts["kind"], folder)
            predictor: Predictor = object.__new__(kind)
            predictor.batch_size, predictor.dataset = facts["batch_size"], facts["dataset"]
            predictor.task_name, predictor.model_name = facts["task"], told["name"]
            built = given if given is not None else _made(told, groups.get("arguments", {}))
            predictor.model = restore_state(built, groups.get("model", {}), told["pretrained"])
            predictor.model.to(device).eval()
            predictor._restore(facts["data"], groups.get("data", {}))
        return predictor

    # ---------------------------------------------------------------- what a kind may not offer
    def score(self, *args: Any, **kwargs: Any) -> Any:
        """Scores of asked pairs; see the predictors of link prediction."""
        self._not_offered("score")

    def recommend(self, *args: Any, **kwargs: Any) -> Any:
        """The best destinations of a node; see the predictors of link prediction."""
        self._not_offered("recommend")

    def observe(self, *args: Any, **kwargs: Any) -> Any:
        """Advance the state by new data; see the predictors of streams, snapshots and signals."""
        self._not_offered("observe")

    def forecast(self, *args: Any, **kwargs: Any) -> Any:
        """The next readings; see the predictor of forecasts."""
        self._not_offered("forecast")

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Classes; see the predictors of classifications."""
        self._not_offered("predict")

    def embed(self, *args: Any, **kwargs: Any) -> Any:
        """Representations of nodes, where the model has some."""
        self._not_offered("embed")

    def close(self, *args: Any, **kwargs: Any) -> Any:
        """Close the open step; see the predictors of snapshots."""
        self._not_offered("close")

    @property
    def offers(self) -> tuple[str, ...]:
        """Names of the methods that this kind has, of those in the table above."""
        return tuple(m for m in _METHODS if getattr(type(self), m) is not getattr(Predictor, m))

    def _not_offered(self, method: str) -> NoReturn:
        raise GraphError(
            method,
            f"a predictor of '{self.task_name}' has no {method}()",
            expected=", ".join(f"{name}()" for name in self.offers),
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model_name}, {self.task_name}, {self.dataset})"


@contextmanager
def _of(folder: str | Path) -> Iterator[None]:
    """Turn what facts of another shape or of a senseless size raise into an error about a folder.

    A checksum tells that the facts are those that were written, not that they are sound.
    """
    try:
        yield
    except GraphError as error:
        if type(error) is not GraphError or str(folder) in str(error):
            raise
        raise GraphError(
            error.column,
            f"{error.problem}, in '{folder}'",
            row=error.row,
            expected=error.expected,
            got=error.got,
            fix=error.fix,
        ) from error
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError,
            ValueError) as error:  # fmt: skip
        problem = str(error).partition("\n")[0][:200]
        raise GraphError(
            "folder",
            f"'{folder}' does not describe a model ({type(error).__name__}: {problem})",
            fix="Save the predictor again.",
        ) from error


def _known_kind(name: Any, folder: str | Path) -> type[Predictor]:
    if name not in Predictor._kinds:
        raise GraphError(
            "folder", f"'{folder}' is of a kind that this version does not have", got=repr(name)
        )
    return Predictor._kinds[name]


def _kind_for(task: Any) -> type[Predictor]:
    for kind in Predictor._kinds.values():
        if task.name in kind.tasks:
            return kind
    served = [name for kind in Predictor._kinds.values() for name in kind.tasks]
    raise GraphError(
        "task",
        f"there is no predictor for '{task.name}'",
        expected=f"one of {', '.join(sorted(served))}",
    )


def _given(model: nn.Module | type[nn.Module]) -> nn.Module:
    """The model that the caller passes."""
    if isinstance(model, nn.Module):
        return model
    try:
        return model()
    except TypeError as error:
        raise GraphError(
            "model",
            f"it cannot be made without arguments ({error})",
            fix="Pass a model that is made as the saved one was.",
        ) from error


def _made(told: Mapping[str, Any], arguments: Mapping[str, Tensor]) -> nn.Module:
    """The model of a folder without its weights."""
    if told["recipe"] is None:
        raise GraphError(
            "model",
            f"the saved model cannot be made from its folder: {told['not_registered']}",
            fix="Pass it: Predictor.open(folder, model=MyModel(...)).",
        )
    return recipe.make(told["recipe"], arguments)
