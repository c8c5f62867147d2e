"""Checkpoints: a run that is killed at any moment resumes from the last one to the same numbers.

A folder holds ``last.pt`` (parameters, stream state, optimiser, random states, position, history)
and ``best-<epoch>.pt`` (parameters and stream state of the selected epoch). Each is written to a
temporary file and renamed; ``best`` is written first, so that ``last`` never names a missing file.
Each file contains the checksum of its content, and ``last`` also that of ``best``: a file in which
a single bit has changed is refused.
"""

from __future__ import annotations

import re
import time
import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graphkit import renamed
from graphkit.engine.sealed import damaged, load_sealed, save_sealed
from graphkit.errors import GraphError
from graphkit.files import held, sweep_folder

__all__ = ["CheckpointCadence", "Checkpoints", "plain_attributes"]

_FORMAT = "graphkit.checkpoint/2"
_UNSEALED = "graphkit.checkpoint/1"  # without checksums


class Checkpoints:
    """The checkpoints of one run in one folder.

    Args:
        folder: Folder of the checkpoints; created when the first one is written.
        identity: Settings that determine the numbers; a checkpoint of other settings is refused.
    """

    def __init__(self, folder: str | Path, identity: dict[str, Any]) -> None:
        self.folder = Path(folder)
        self.identity = _plain(identity)

    def hold(self) -> AbstractContextManager[None]:
        """Hold the folder while a run writes to it; see :func:`graphkit.files.held`."""
        return held(self.folder)

    def save(self, state: dict[str, Any]) -> None:
        """Replace ``last.pt`` and delete the best files that it does not name."""
        record = {"format": _FORMAT, "identity": self.identity, **state}
        save_sealed(record, self.folder / "last.pt")
        for path in self.folder.glob("best-*.pt"):
            if path.name != state.get("best_file"):
                path.unlink(missing_ok=True)
        sweep_folder(self.folder)

    def save_best(self, epoch: int, state: dict[str, Tensor]) -> tuple[str, str]:
        """Write the state of the selected epoch.

        Returns:
            The file's name and checksum: ``best_file`` and ``best_sha256`` for :meth:`save`.
        """
        name = f"best-{epoch}.pt"
        return name, save_sealed(state, self.folder / name)

    def load(self, device: torch.device | str) -> dict[str, Any] | None:
        """Read the last checkpoint.

        Returns:
            The last checkpoint, with the best state under ``"best"``; ``None`` if there is none.

        Warns:
            UserWarning: The checkpoint is from an older version, which wrote no checksums.

        Raises:
            GraphError: The checkpoint belongs to other settings, is damaged, or its best file is
                missing.
        """
        path = self.folder / "last.pt"
        if not path.exists():
            return None
        state, digest = load_sealed(path, device)
        kind = state.get("format") if isinstance(state, dict) else None
        if kind not in (_FORMAT, _UNSEALED):
            raise GraphError("checkpoint", f"{path} is not a checkpoint", expected=_FORMAT)
        if kind == _FORMAT and digest is None:
            raise damaged(path, "its checksum is missing")
        if kind == _UNSEALED:
            warnings.warn(
                f"{path} was written by an older version, without a checksum: damage may pass "
                "unnoticed, and of several processes the training loss of an interrupted epoch is "
                "that of the first",
                stacklevel=2,
            )
        if not isinstance(state.get("identity"), dict):
            raise damaged(path, "it does not say its settings")
        self._check_identity(path, state["identity"])
        state["best"] = self._load_best(path, state, device)
        return state

    def _load_best(
        self, path: Path, state: dict[str, Any], device: torch.device | str
    ) -> dict[str, Tensor] | None:
        name = state.get("best_file")
        if not name:
            return None
        if not isinstance(name, str) or Path(name).name != name:
            raise damaged(path, f"it names a file elsewhere: {name!r}")
        best, digest = load_sealed(self.folder / name, device)
        if state["format"] == _FORMAT and digest != state.get("best_sha256"):
            raise damaged(self.folder / name, "it is not the file that last.pt names")
        if not isinstance(best, dict) or not all(isinstance(v, Tensor) for v in best.values()):
            raise damaged(self.folder / name, "it holds no state of a model")
        return best

    def _check_identity(self, path: Path, saved: dict[str, Any]) -> None:
        for key in dict.fromkeys([*saved, *self.identity]):
            then, now = saved.get(key), self.identity.get(key)
            if renamed.identity(then) == renamed.identity(now) or (
                key == "data" and key not in saved
            ):  # written by an older version
                continue
            if (
                key == "model" and isinstance(then, dict) and now
            ):  # report only the first difference
                key = next(k for k in [*then, *now] if then.get(k) != now.get(k))
                then, now = then.get(key), now.get(key)
            raise GraphError(
                key,
                f"the checkpoint {path} was made with "
                f"{'other data' if key == 'data' else 'another setting'}",
                expected=then,
                got=now,
                fix="Resume with those of the checkpoint, or start in another folder.",
            )


class CheckpointCadence:
    """Decides when the next checkpoint inside an epoch is due.

    Args:
        every: Number of batches, a time span such as ``"30s"`` or ``"5m"``, or ``None`` for no
            checkpoints inside an epoch.

    Raises:
        GraphError: ``every`` is none of these.
    """

    def __init__(self, every: int | str | None) -> None:
        self._batches = self._seconds = None
        if isinstance(every, str):
            match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", every.strip())
            if match is None:
                raise _no_cadence(every)
            self._seconds = float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
        elif every is not None:
            if isinstance(every, bool) or int(every) != every or every < 1:
                raise _no_cadence(every)
            self._batches = int(every)
        self._last = time.perf_counter()

    @property
    def timed(self) -> bool:
        """Whether the cadence is a time span, so that the clocks of processes may disagree."""
        return self._seconds is not None

    def due(self, batch: int) -> bool:
        """Whether to write a checkpoint after ``batch`` batches of the epoch."""
        if self._batches is not None:
            return batch % self._batches == 0
        if self._seconds is None:
            return False
        now = time.perf_counter()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True


def plain_attributes(model: nn.Module) -> dict[str, Any]:
    """Plain public attributes of a model's modules, which record its constructor arguments."""
    found = {}
    for path, module in model.named_modules():
        found[f"{path or 'model'}"] = type(module).__qualname__
        for name, value in vars(module).items():
            plain = value is None or isinstance(value, (bool, int, float, str))
            if plain and not name.startswith("_") and name != "training":
                found[f"{path or 'model'}.{name}"] = value
    return found


def _plain(value: Any) -> Any:
    """Convert NumPy scalars to Python numbers, because a checkpoint with one cannot be read."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(part) for part in value)
    return value.item() if isinstance(value, np.generic) else value


def _no_cadence(every: object) -> GraphError:
    return GraphError(
        "checkpoint_every",
        "not a number of batches and not a span",
        expected='500, "30s" or "5m"',
        got=repr(every),
    )
