"""A run of many trainings in one folder: its arguments, what is done, where it can go on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks._settings import Settings
from graphkit.engine import Result, load_results, save_results
from graphkit.errors import GraphError
from graphkit.files import held, new_folder, write_text
from graphkit.json_record import damaged, opened, read_json, sealed

__all__ = ["SCHEMA", "Job", "sign"]

SCHEMA = "graphkit.run/1"


class Job:
    """A folder with ``run.json`` (arguments), ``result.json`` (what is done) and ``checkpoints/``.

    A new run makes a folder that no other has, and every run holds its folder until it ends: no
    two runs write to one. Under ``torchrun`` only process 0 makes, holds and writes.

    Args:
        folder: Made when something is written.
        arguments: What the run was asked to do.
        done: Results so far.
        new: Take another name if there is a folder of this one.
    """

    def __init__(
        self,
        folder: Path,
        arguments: dict[str, Any],
        done: list[Result] | None = None,
        *,
        new: bool = False,
    ) -> None:
        self.folder = folder
        self.arguments = arguments
        self.done = done or []
        self.leads = int(os.environ.get("RANK", 0)) == 0
        self._new = new
        self._begun = False  # run.json is that of this run
        self._holding, self._holds = ExitStack(), False

    @classmethod
    def open(cls, resume: str | None, given: dict[str, Any], default_folder: str) -> Job:
        """Start a job, or go on with the one in ``resume``.

        Args:
            resume: Folder of an earlier run; a new run starts there if it holds none.
            given: Arguments that were given on the command line; those not given are not in it.
            default_folder: Folder of a new run without ``resume``; a date and time is added.

        Raises:
            GraphError: An argument contradicts the run in the folder, another run is writing
                there, or one of its files is damaged.
        """
        if resume is None:
            stamp = time.strftime("%Y%m%d-%H%M%S")
            return cls(Path(f"{default_folder}-{stamp}"), given, new=True)
        job = cls(Path(resume), given)
        if job._path.exists():
            job._hold()  # before reading: what is read must be the last that was written
            try:
                job._go_on(given)
            except BaseException:
                job.close()
                raise
        return job

    def close(self) -> None:
        """Let other runs have the folder."""
        self._holding.close()
        self._holds = False

    def waiting(self, model: str, seeds: Iterable[int]) -> list[int]:
        """The seeds that a model has no result of yet."""
        done = {r.seed for r in self.done if r.model == model}
        return [seed for seed in dict.fromkeys(seeds) if seed not in done]

    def checkpoints(self, model: str, seed: int) -> Path:
        """Folder of the checkpoints of a model and a seed whose training begins now."""
        self.begin()
        name = re.sub(r"[^\w.=+-]+", "_", model)
        return self.folder / "checkpoints" / f"{name}-seed{seed}"

    def add(self, result: Result) -> None:
        """Keep a result, on disk at once."""
        self.done.append(result)
        self.begin()
        self.save(self.folder / "result.json")

    def save(self, path: str | Path) -> None:
        """Write all results so far as JSON."""
        if self.leads and self.done:
            save_results(self.done, path)

    def begin(self) -> None:
        """Make the folder and ``run.json``: not before a training begins, so that a wrong name
        leaves nothing.

        Raises:
            GraphError: Another run has begun in the folder since this one looked.
        """
        if not self.leads:
            return
        if self._new:
            self.folder, self._new = new_folder(self.folder), False
        self._hold()
        if self._begun:
            return
        if self._path.exists():
            raise GraphError(
                "--resume",
                f"another run has begun in {self.folder} since this one looked",
                fix="Start again to go on with it, or give another folder.",
            )
        record = sealed({"schema": SCHEMA, "arguments": self.arguments})
        write_text(self._path, json.dumps(record, indent=2) + "\n")
        self._begun = True

    @property
    def _path(self) -> Path:
        return self.folder / "run.json"

    def _hold(self) -> None:
        if self.leads and not self._holds:
            self._holding.enter_context(held(self.folder))
            self._holds = True

    def _go_on(self, given: dict[str, Any]) -> None:
        saved = _arguments(self._path)
        for key, value in given.items():
            if saved.get(key) != value:
                raise GraphError(
                    f"--{key.replace('_', '-')}",
                    f"the run in {self.folder} was started otherwise",
                    expected=saved.get(key, "the default"),
                    got=value,
                    fix="Leave it out to go on, or give another folder.",
                )
        self.arguments, self._begun = saved, True
        results = self.folder / "result.json"
        self.done = load_results(results) if results.exists() else []


def _arguments(path: Path) -> dict[str, Any]:
    """What a run was asked to do, from its ``run.json``."""
    read = read_json(path)
    record = opened(read, path)
    if "schema" not in record and "arguments" not in record:  # of an older version
        arguments = record
    elif record.get("schema") == SCHEMA and "sha256" in read:
        arguments = record.get("arguments")
    else:
        raise damaged(path, f"it is no {SCHEMA}, or has no checksum")
    plain = (str, int, float, bool, list, type(None))
    if not isinstance(arguments, dict) or not all(isinstance(v, plain) for v in arguments.values()):
        raise damaged(path, "it does not list arguments")
    return arguments


def sign(result: Result, settings: Settings) -> None:
    """Write into a result what it was made with: settings, and the commit if this is a checkout."""
    result.settings |= {"model": settings.model, "task": settings.task}
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return
    result.versions["commit"] = done.stdout.strip()
