"""Toy models and trainings in other processes, as fixtures: the test folders are not packages."""

import importlib
import importlib.util
import multiprocessing
import socket
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

Ranks = list[BaseProcess]
# What a training loads; whatever is missing here, each process loads by itself, in seconds.
PRELOADED = [
    "lightning_fabric",
    "graphkit.tasks",
    "graphkit.engine",
    "graphkit.models.stream",
    "graphkit.models.snapshot",
    "graphkit.models.static",
    "graphkit.models.signal",
]


@pytest.fixture(scope="session")
def toy():
    """The module ``stream_toy``."""
    spec = importlib.util.spec_from_file_location(
        "stream_toy", Path(__file__).parent / "stream_toy.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ranks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Ranks]:
    """Starts the processes of one training: ``ranks(out, options, processes=1)``.

    They are forked from a server process that has loaded torch and graphkit and computed nothing,
    so each is as fresh as a new interpreter and starts at once. What one prints is in
    ``rank<number>.log`` in the test's folder.
    """
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    child = importlib.import_module("run_child")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)

    def start(out: Path, options: dict, processes: int = 1) -> Ranks:
        environment = {}
        if processes > 1:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            environment = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
            environment |= {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
        started = []
        for number in range(processes):
            own = {"RANK": str(number), "LOCAL_RANK": str(number)} if processes > 1 else {}
            log = str(tmp_path / f"rank{number}.log")
            arguments = (str(out), options, environment | own, log)
            process = context.Process(target=child.rank, args=arguments, daemon=True)
            process.start()
            started.append(process)
        return started

    return start
