"""Error messages for wrong keyword arguments that name the right argument or type."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from graphkit.typed import check_values

__all__ = ["says_keywords"]

F = TypeVar("F", bound=Callable[..., Any])

# Names in other libraries of arguments of this library.
_ELSEWHERE = {
    "learning_rate": "lr",
    "n_epochs": "epochs",
    "num_epochs": "epochs",
    "max_epochs": "epochs",
    "batchsize": "batch_size",
    "early_stopping": "patience",
    "early_stopping_patience": "patience",
    "min_delta": "tolerance",
    "l2": "weight_decay",
    "scheduler": "schedule",
    "lr_scheduler": "schedule",
    "warmup_epochs": "warmup",
    "grad_clip": "clip_norm",
    "max_grad_norm": "clip_norm",
    "gradient_clip_val": "clip_norm",
    "random_state": "seed",
    "verbose": "progress",
    "progress_bar": "progress",
    "accelerator": "device",
    "num_threads": "threads",
    "default_root_dir": "checkpoint_dir",
    "checkpoint_path": "checkpoint_dir",
}


def says_keywords(function: F) -> F:
    """Decorator that raises a TypeError for an unknown keyword and suggests the right one.

    Raises:
        TypeError: Raised by the decorated function before it runs.
        GraphError: A number, string or list is given where another type is expected.
    """
    known = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name not in known:
                raise TypeError(_message(function.__name__, name, known))
        return function(*args, **check_values(kwargs, [function]))

    return call  # type: ignore[return-value]


def _message(function: str, name: str, known: list[str]) -> str:
    meant = _ELSEWHERE.get(name.lower())
    close = [meant] if meant in known else difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean '{close[0]}'?" if close else f"It takes {', '.join(known)}."
    return f"{function}() got an unexpected keyword argument '{name}'. {hint}"
