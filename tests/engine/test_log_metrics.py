"""Logs: every number once, after an interruption too, and from one process alone."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pandas
import pytest

from graphkit import Hook, LinkPrediction, fit, seed_everything
from graphkit.engine import LogMetrics
from graphkit.engine.loggers import CSVLogger, JSONLinesLogger
from graphkit.errors import GraphError

CPU = {"device": "cpu", "progress": False, "threads": 1}
FIT = {"epochs": 4, "batch_size": 50, "lr": 0.02, "patience": None, "checkpoint_every": 2}


class Interrupt(Hook):
    only_reads = True

    def __init__(self, after: int | None, epoch: int | None = None) -> None:
        self._after, self._epoch = after, epoch

    def on_step(self, training, loss):
        if training.step == self._after:
            raise KeyboardInterrupt

    def on_epoch_end(self, training, metrics):
        if training.epoch == self._epoch:
            raise KeyboardInterrupt


def train(toy, hooks, **settings):
    graph = toy.stream()
    seed_everything(3)
    model = toy.Toy(graph.num_nodes, dropout=0.4)
    settings = {**FIT, "seed": 3, **settings}
    return fit(model, LinkPrediction(graph), hooks=hooks, **settings, **CPU)


def logging(folder: Path, after=None, epoch=None, every=3):
    files = JSONLinesLogger(folder / "log.jsonl"), CSVLogger(folder / "log.csv")
    return [LogMetrics(*files, every=every), Interrupt(after, epoch)]


def texts(folder: Path) -> tuple[str, str]:
    return (folder / "log.jsonl").read_text(), (folder / "log.csv").read_text()


def test_what_is_in_a_log(toy, tmp_path):
    result = train(toy, logging(tmp_path))
    run, *rows = map(json.loads, texts(tmp_path)[0].splitlines())
    expected = ("Toy", "link_prediction", "toy", 3)
    assert (run["name"], run["task"], run["dataset"], run["seed"]) == expected
    assert run["settings"] == result.settings
    steps = [row for row in rows if "loss" in row]
    assert [row["step"] for row in steps] == list(range(3, 53, 3))
    epochs = [row for row in rows if "train_loss" in row]
    assert [(row["step"], row["epoch"]) for row in epochs] == [(13, 0), (26, 1), (39, 2), (52, 3)]
    for name in ("train_loss", "val_loss", "val_ap"):
        assert [row[name] for row in epochs] == result.curves[name]
    last = {"step": 52, "epoch": 3, **{f"test_{k}": v for k, v in result.metrics["test"].items()}}
    assert rows[-1] == last
    assert len(rows) == len(steps) + len(epochs) + 1
    table = pandas.read_csv(tmp_path / "log.csv")
    flat = [
        (row["step"], row["epoch"], name, value)
        for row in rows
        for name, value in row.items()
        if name not in ("step", "epoch")
    ]
    assert list(table.itertuples(index=False, name=None)) == flat


@pytest.mark.parametrize("after", [1, 2, 3, 4, 13, 14, 30, 52])
def test_a_resumed_log_is_that_of_an_unbroken_run(toy, tmp_path, after):
    """Byte for byte: interrupted before the first checkpoint, between two, and at one."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(toy, logging(whole))
    settings = {"checkpoint_dir": tmp_path / "checkpoints", "resume": True}
    with pytest.raises(KeyboardInterrupt):
        train(toy, logging(broken, after), **settings)
    train(toy, logging(broken), **settings)
    assert texts(broken) == texts(whole)
    train(toy, logging(broken), **settings)  # the test alone, once more
    assert texts(broken) == texts(whole)


def test_a_resumed_log_when_an_epoch_was_logged_and_not_saved(toy, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(toy, logging(whole))
    settings = {"checkpoint_dir": tmp_path / "checkpoints", "resume": True}
    for epoch in (0, 2):
        with pytest.raises(KeyboardInterrupt):
            train(toy, logging(broken, epoch=epoch), **settings)
    train(toy, logging(broken), **settings)
    assert texts(broken) == texts(whole)


def test_a_line_that_was_half_written_is_cut(toy, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(toy, logging(whole))
    settings = {"checkpoint_dir": tmp_path / "checkpoints", "resume": True}
    with pytest.raises(KeyboardInterrupt):
        train(toy, logging(broken, 20), **settings)
    with open(broken / "log.jsonl", "a") as file:
        file.write('{"step": 21, "lo')
    train(toy, logging(broken), **settings)
    assert texts(broken) == texts(whole)


def test_the_log_of_another_run_is_not_overwritten(toy, tmp_path):
    train(toy, logging(tmp_path), epochs=1)
    before = texts(tmp_path)
    with pytest.raises(GraphError, match=r"log\.jsonl holds the log of another run"):
        train(toy, logging(tmp_path), epochs=1)
    assert texts(tmp_path) == before


@pytest.mark.parametrize("loss", ["gone", "shorter"])
def test_a_log_that_lost_lines_is_refused(toy, tmp_path, loss):
    settings = {"checkpoint_dir": tmp_path / "checkpoints", "resume": True}
    with pytest.raises(KeyboardInterrupt):
        train(toy, logging(tmp_path, 20), **settings)
    log = tmp_path / "log.jsonl"
    if loss == "gone":
        log.unlink()
    else:
        log.write_text(log.read_text()[:40])
    with pytest.raises(GraphError, match=r"log\.jsonl has lost lines"):
        train(toy, logging(tmp_path), **settings)


def test_one_hook_serves_two_trainings(toy, tmp_path):
    class Rows:
        def __init__(self):
            self.starts, self.rows = [], []

        def start(self, run, state, overwrite):
            self.starts.append((run["seed"], state, overwrite))

        def log(self, values, *, step, epoch):
            self.rows.append((step, epoch, sorted(values)))

        def state_dict(self):
            return {"rows": len(self.rows)}

        def finish(self, failed):
            self.rows.append(failed)

    logger = Rows()
    hook = LogMetrics(logger)
    settings = {"checkpoint_dir": tmp_path, "epochs": 1}
    train(toy, [hook], **settings)
    train(toy, [hook], resume=True, **settings)
    train(toy, [hook], resume=True, checkpoint_dir=tmp_path / "other", epochs=1)
    assert logger.starts == [(3, None, False), (3, {"rows": 1}, True), (3, None, True)]
    assert [row for row in logger.rows if isinstance(row, bool)] == [False] * 3


def test_what_is_no_logger_is_refused(tmp_path):
    for wrong in ("log.csv", CSVLogger, tmp_path):
        with pytest.raises(GraphError, match="is not a logger"):
            LogMetrics(wrong)
    with pytest.raises(GraphError, match="there is none"):
        LogMetrics()
    with pytest.raises(GraphError, match="every"):
        LogMetrics(CSVLogger(tmp_path / "log.csv"), every=0)


def test_json_lines_have_no_nan(tmp_path):
    logger = JSONLinesLogger(tmp_path / "deep" / "log.jsonl")
    logger.start({"name": "a"}, None, False)
    logger.log({"a": float("nan"), "b": float("inf"), "c": 0.1}, step=1, epoch=0)
    logger.finish(False)
    last = (tmp_path / "deep" / "log.jsonl").read_text().splitlines()[-1]
    assert last == '{"step": 1, "epoch": 0, "a": null, "b": null, "c": 0.1}'


# ---------------------------------------------------------------------------- other processes
OPTIONS = {"model": {"dropout": 0.4}, "task": {"candidates": 5}, "fit": FIT}


def finish(ranks, out: Path, options: dict, processes: int = 1) -> dict:
    started = ranks(out, options, processes)
    for process in started:
        process.join(timeout=200)
    assert [process.exitcode for process in started] == [0] * processes, (
        out.parent / "rank0.log"
    ).read_text()
    return json.loads(out.read_text())


def read(log: Path) -> tuple[bytes, bytes]:
    return log.read_bytes(), Path(f"{log}.csv").read_bytes()


@pytest.mark.slow
def test_killed_with_pruning_guidance_and_logs(ranks, tmp_path):
    """A hook with a mask, one with a running mean, two logs: the numbers and the files of an
    unbroken run, however often it is killed."""
    whole = tmp_path / "whole.jsonl"
    unbroken = finish(
        ranks, tmp_path / "whole.json", {**OPTIONS, "hooks": {"log": str(whole), "every": 3}}
    )
    folder, log, out = tmp_path / "checkpoints", tmp_path / "log.jsonl", tmp_path / "broken.json"
    options = {
        **OPTIONS,
        "pause": 0.02,
        "hooks": {"log": str(log), "every": 3},
        "fit": {**FIT, "checkpoint_dir": str(folder), "resume": True},
    }
    # Each life is ended when its log has so many further lines: before and after checkpoints.
    for more in (2, 5, 9):
        (process,) = ranks(out, options)
        try:
            seen, last = 0, _size(log)
            deadline = time.monotonic() + 120
            while seen < more:
                assert process.is_alive(), "it ended before it could be killed"
                assert time.monotonic() < deadline
                now = _size(log)
                seen, last = seen + (now > last), now
                time.sleep(0.001)
        finally:
            process.kill()
            process.join()
        assert not out.exists()
    assert finish(ranks, out, options) == unbroken
    assert read(log) == read(whole)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@pytest.mark.slow
def test_of_two_processes_one_logs_and_one_stops_both(ranks, tmp_path):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    task = {"candidates": 5}
    options = {"task": task, "fit": {**FIT, "epochs": 4}}
    alone = finish(
        ranks,
        tmp_path / "one.json",
        {**options, "hooks": {"log": str(one), "every": 3, "stop_in": [0, 1]}},
    )
    both = finish(
        ranks,
        tmp_path / "two.json",
        {**options, "hooks": {"log": str(two), "every": 3, "stop_in": [1, 1]}},
        processes=2,
    )
    assert len(both["curves"]["train_loss"]) == 2, "process 1 stopped, and process 0 with it"
    rows, other = (
        [json.loads(line) for line in p.read_text().splitlines()[1:]] for p in (one, two)
    )
    assert len(rows) == len(other)
    for row, found in zip(rows, other):
        assert found == pytest.approx(row, rel=1e-4, abs=1e-5)
    assert both["metrics"]["test"] == pytest.approx(alone["metrics"]["test"], rel=1e-4)
    state = {name: both["state"][name] for name in alone["state"]}
    assert state == pytest.approx(alone["state"], rel=1e-3, abs=1e-4)
