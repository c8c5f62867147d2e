"""Weights & Biases without its service: what lies in the folder of an offline run."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphkit.engine.loggers import WandbLogger

pytestmark = pytest.mark.extras


@pytest.fixture(autouse=True)
def _wandb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="wandb (extra loggers) is not installed")
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_ARTIFACT_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "wandb"))
    monkeypatch.setenv("WANDB_SILENT", "true")


def records(data: bytes) -> Iterator[bytes]:
    """The records of a file in LevelDB's log format, after a header of 7 bytes: pieces in blocks of
    32 KiB, each with checksum, length and kind (whole, first, middle, last)."""
    at, piece = 7, b""
    while at + 7 <= len(data):
        if -at % 32768 < 7 and at % 32768:  # too short for a header: the block is padded
            at += -at % 32768
            continue
        length, kind = struct.unpack_from("<4xHB", data, at)
        if at + 7 + length > len(data):
            return  # of a file that is being written
        piece += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield piece
            piece = b""


def complete(path: Path) -> list:
    """The records of a file once the last is there: the process that writes it takes its time."""
    from wandb.proto import wandb_internal_pb2

    deadline = time.monotonic() + 120
    while True:
        found = [wandb_internal_pb2.Record.FromString(data) for data in records(path.read_bytes())]
        if any(record.HasField("exit") for record in found):
            return found
        assert time.monotonic() < deadline, "the run was never ended"
        time.sleep(0.05)


def written(folder: Path) -> list[tuple[str, dict[str, list]]]:
    """Of each offline run in a folder its id, and the points by name."""
    found = []
    for path in folder.rglob("run-*.wandb"):
        points, run = {}, None
        for record in complete(path):
            if record.HasField("run"):
                run = record.run.run_id
            if record.HasField("history"):
                items = record.history.item
                row = {(i.key or i.nested_key[0]): json.loads(i.value_json) for i in items}
                for name, value in row.items():
                    if name[0] != "_" and name != "epoch":
                        points.setdefault(name, []).append((record.history.step.num, value))
        found.append((run, points))
    return found


def logger(folder: Path) -> WandbLogger:
    folder.mkdir(exist_ok=True)
    return WandbLogger("graphkit", mode="offline", dir=str(folder))


def test_a_run_is_stored(train, rows, tmp_path):
    result = train(logger(tmp_path / "whole"))
    ((_, points),) = written(tmp_path / "whole")
    for name, expected in rows(result).items():
        assert points[name] == expected, name
    assert [step for step, _ in points["loss"]] == list(range(3, 37, 3))


def test_a_resumed_run_has_the_same_id_and_no_gap(train, tmp_path):
    """Steps after the last checkpoint are in both folders, with equal values."""
    train(logger(tmp_path / "whole"))
    ((_, whole),) = written(tmp_path / "whole")
    settings = {"checkpoint_dir": tmp_path / "checkpoints", "resume": True}
    with pytest.raises(KeyboardInterrupt):
        train(logger(tmp_path / "first"), 12, **settings)
    train(logger(tmp_path / "second"), **settings)
    ((first, before),), ((second, after),) = (
        written(tmp_path / life) for life in ("first", "second")
    )
    assert first == second
    for name, points in whole.items():
        both = dict(before.get(name, []))
        assert all(both.get(step, value) == value for step, value in after[name]), name
        assert {**both, **dict(after[name])} == dict(points), name
