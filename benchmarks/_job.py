"""A run of many trainings in one folder: its arguments, what is done, where it can go on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks._settings import Settings
from graphkit.engine import Result, load_results, save_results
from graphkit.errors import GraphError
from graphkit.files import write_text

__all__ = ["Job", "sign"]


class Job:
    """A folder with ``run.json`` (arguments), ``result.json`` (what is done) and ``checkpoints/``.

    Under ``torchrun`` only process 0 writes.

    Args:
        folder: Made when something is written.
        arguments: What the run was asked to do.
        done: Results so far.
    """

    def __init__(
        self, folder: Path, arguments: dict[str, Any], done: list[Result] | None = None
    ) -> None:
        self.folder = folder
        self.arguments = arguments
        self.done = done or []
        self.leads = int(os.environ.get("RANK", 0)) == 0

    @classmethod
    def open(cls, resume: str | None, given: dict[str, Any], default_folder: str) -> Job:
        """Start a job, or go on with the one in ``resume``.

        Args:
            resume: Folder of an earlier run; a new run starts there if it holds none.
            given: Arguments that were given on the command line; those not given are not in it.
            default_folder: Folder of a new run without ``resume``; a date and time is added.

        Raises:
            GraphError: An argument contradicts the run in the folder.
        """
        if resume is None:
            stamp = time.strftime("%Y%m%d-%H%M%S")
            job = cls(Path(f"{default_folder}-{stamp}"), given)
        else:
            job = cls(Path(resume), given)
            path = job.folder / "run.json"
            if path.exists():
                saved = json.loads(path.read_text(encoding="utf-8"))
                for key, value in given.items():
                    if saved.get(key) != value:
                        raise GraphError(
                            f"--{key.replace('_', '-')}",
                            f"the run in {job.folder} was started otherwise",
                            expected=saved.get(key, "the default"),
                            got=value,
                            fix="Leave it out to go on, or give another folder.",
                        )
                job.arguments = saved
                results = job.folder / "result.json"
                job.done = load_results(results) if results.exists() else []
        return job

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
        """Write ``run.json``: not before a training begins, so that a wrong name leaves nothing."""
        path = self.folder / "run.json"
        if self.leads and not path.exists():
            write_text(path, json.dumps(self.arguments, indent=2) + "\n")


def sign(result: Result, settings: Settings) -> None:
    """Write into a result what it was made with: settings, and the commit if this is a checkout."""
    result.settings |= {"model": settings.model, "task": settings.task}
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return
    result.versions["commit"] = done.stdout.strip()
