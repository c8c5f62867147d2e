"""A predictor that is opened in a separate process and called from this one."""

from __future__ import annotations

import multiprocessing
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from torch import nn

__all__ = ["Elsewhere"]


class Elsewhere:
    """Opens a folder in a fresh process, where :meth:`call` runs methods of the predictor.

    Args:
        folder: Folder written by :meth:`graphkit.Predictor.save`.
        separate: ``False`` opens the folder in this process.
        model: Passed to :meth:`graphkit.Predictor.open`, for a class that is not registered.
    """

    def __init__(self, folder: Path, separate: bool = True, model: nn.Module | None = None) -> None:
        self._folder, self._separate, self._model = folder, separate, model

    def __enter__(self) -> Elsewhere:
        if not self._separate:
            from graphkit.engine.predictor import Predictor

            self._predictor = Predictor.open(self._folder, model=self._model)
            return self
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        told = (str(self._folder), self._model, there)
        self._process = context.Process(target=_serve, args=told, daemon=True)
        self._process.start()
        there.close()
        self._answer()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._separate:
            self._here.close()
            self._process.join(timeout=30)
            if self._process.is_alive():
                self._process.kill()

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Return the result of ``predictor.method(*args, **kwargs)``.

        Raises:
            AssertionError: The call failed; the message contains the traceback.
        """
        if not self._separate:
            return getattr(self._predictor, method)(*args, **kwargs)
        self._here.send((method, args, kwargs))
        return self._answer()

    def _answer(self) -> Any:
        try:
            good, value = self._here.recv()
        except EOFError:
            raise AssertionError("the process that opened the predictor died") from None
        assert good, f"in the process that opened the predictor:\n{value}"
        return value


def _serve(folder: str, model: nn.Module | None, pipe: Connection) -> None:
    try:
        import torch

        from graphkit.engine.predictor import Predictor

        torch.set_num_threads(1)
        predictor = Predictor.open(folder, model=model)
        pipe.send((True, None))
        while True:
            method, args, kwargs = pipe.recv()
            try:
                pipe.send((True, getattr(predictor, method)(*args, **kwargs)))
            except Exception:
                pipe.send((False, traceback.format_exc()))
    except EOFError:
        pass
    except Exception:
        pipe.send((False, traceback.format_exc()))
