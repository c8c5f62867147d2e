"""Checkpoints: a run that is killed goes on to the numbers of an unbroken one, bit for bit."""

import json
import random
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from graphkit import LinkPrediction, fit, seed_everything
from graphkit.engine.checkpoint import CheckpointCadence, Checkpoints
from graphkit.engine.seeds import random_state, restore_random_state
from graphkit.errors import GraphError

CPU = {"device": "cpu", "progress": False, "threads": 1}
FIT = {"epochs": 4, "batch_size": 50, "lr": 0.02, "patience": None, "checkpoint_every": 2}
# Dropout, so that the random states matter; negatives that change with the epoch.
OPTIONS = {"model": {"dropout": 0.4}, "task": {"candidates": 5}, "fit": FIT}


def finish(ranks, out: Path, options: dict) -> dict:
    (process,) = ranks(out, options)
    process.join(timeout=200)
    assert process.exitcode == 0, (out.parent / "rank0.log").read_text()
    return json.loads(out.read_text())


@pytest.mark.slow
def test_killed_at_several_moments(ranks, tmp_path):
    unbroken = finish(ranks, tmp_path / "unbroken.json", OPTIONS)
    folder = tmp_path / "checkpoints"
    options = {
        **OPTIONS,
        "pause": 0.02,
        "fit": {**FIT, "checkpoint_dir": str(folder), "resume": True},
    }
    out = tmp_path / "broken.json"
    moments = []
    # Each life is ended after so many further checkpoints: early, inside an epoch, after one.
    for more in (1, 3, 4, 7):
        (process,) = ranks(out, options)
        try:
            seen, last = 0, _stamp(folder)
            deadline = time.monotonic() + 120
            while seen < more:
                assert process.is_alive(), "it ended before it could be killed"
                assert time.monotonic() < deadline
                now = _stamp(folder)
                seen, last = seen + (now != last), now
                time.sleep(0.001)
        finally:
            process.kill()
            process.join()
        state = torch.load(folder / "last.pt", weights_only=True)
        moments.append((state["epoch"], state["batch"]))
        assert not out.exists()
    assert moments == sorted(set(moments)), "every life has to get further"
    assert any(batch for _, batch in moments), "at least one inside an epoch"
    resumed = finish(ranks, out, options)
    assert resumed == unbroken
    # Once more, when everything is done already: the test pass is repeated, nothing changes.
    assert finish(ranks, out, options) == unbroken


def _stamp(folder: Path):
    try:
        return (folder / "last.pt").stat().st_mtime_ns
    except FileNotFoundError:
        return None


class Stop(Exception):
    """Ends a run from inside a batch."""


def run(toy, folder, *, stop_after=None, resume=False, **settings):
    graph = toy.stream()
    seed_everything(3)
    model = toy.Toy(graph.num_nodes, dropout=0.4)
    if stop_after is not None:
        observe, count = model.observe, iter(range(stop_after))

        def counted(events):
            if next(count, None) is None:
                raise Stop
            observe(events)

        model.observe = counted
    fitted = {**FIT, "checkpoint_dir": folder, "resume": resume, **settings}
    result = fit(model, LinkPrediction(graph), seed=3, **fitted, **CPU)
    return result, model.state_dict()


@pytest.mark.parametrize("stop_after", [1, 5, 14, 17, 30, 60, 65])
def test_stopped_anywhere(toy, tmp_path, stop_after):
    """13 training batches and 3 of validation per epoch: early, inside epochs, in validation, in
    the test."""
    expected, state = run(toy, None)
    with pytest.raises(Stop):
        run(toy, tmp_path, stop_after=stop_after)
    resumed, again = run(toy, tmp_path, resume=True)
    assert resumed.metrics == expected.metrics
    assert resumed.curves == expected.curves
    assert len(resumed.timing["epoch_s"]) == 4
    for name, value in state.items():
        assert torch.equal(value, again[name]), name


def test_more_epochs_can_be_added(toy, tmp_path):
    expected, _ = run(toy, None, epochs=6)
    run(toy, tmp_path, epochs=3)
    longer, _ = run(toy, tmp_path, epochs=6, resume=True)
    assert longer.metrics == expected.metrics
    assert longer.curves == expected.curves


def test_checkpoints_do_not_change_the_numbers(toy, tmp_path):
    assert run(toy, None)[0].metrics == run(toy, tmp_path, checkpoint_every=1)[0].metrics


def test_only_the_best_and_the_last_file_stay(toy, tmp_path):
    result, _ = run(toy, tmp_path)
    best = result.curves["best_epoch"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"best-{best}.pt", "last.pt"]


def test_without_resume_a_run_begins_afresh(toy, tmp_path):
    expected, _ = run(toy, tmp_path)
    again, _ = run(toy, tmp_path)
    assert again.curves == expected.curves


def test_other_settings_are_refused(toy, tmp_path):
    run(toy, tmp_path, epochs=1)
    with pytest.raises(GraphError, match=r"'lr'.*another setting; expected 0\.02; got 0\.03"):
        run(toy, tmp_path, lr=0.03, resume=True)


def test_a_damaged_checkpoint_is_refused(toy, tmp_path):
    run(toy, tmp_path, epochs=1)
    (tmp_path / "last.pt").write_bytes(b"half")
    with pytest.raises(GraphError, match=r"last\.pt cannot be read"):
        run(toy, tmp_path, resume=True)
    torch.save({"a": 1}, tmp_path / "last.pt")
    with pytest.raises(GraphError, match=r"last\.pt is not a checkpoint"):
        run(toy, tmp_path, resume=True)


def test_a_lost_best_file_is_named(toy, tmp_path):
    run(toy, tmp_path, epochs=1)
    (tmp_path / "best-0.pt").unlink()
    with pytest.raises(GraphError, match=r"best-0\.pt is gone"):
        run(toy, tmp_path, resume=True)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path, {"seed": 0})
    checkpoints.save({"epoch": 1, "best_file": None})

    def fail(record, file):
        file.write(b"half of it")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        checkpoints.save({"epoch": 2, "best_file": None})
    monkeypatch.undo()
    assert checkpoints.load(torch.device("cpu"))["epoch"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]


def test_random_states_come_back():
    seed_everything(7)
    state = random_state()
    draws = (random.random(), float(np.random.rand()), torch.rand(3))  # noqa: NPY002
    restore_random_state(state)
    again = (random.random(), float(np.random.rand()), torch.rand(3))  # noqa: NPY002
    assert draws[:2] == again[:2]
    assert torch.equal(draws[2], again[2])


def test_cadence():
    every_third = CheckpointCadence(3)
    assert [b for b in range(1, 10) if every_third.due(b)] == [3, 6, 9]
    assert not any(CheckpointCadence(None).due(b) for b in range(1, 10))
    assert not CheckpointCadence("1h").due(1)
    soon = CheckpointCadence("0.01s")
    time.sleep(0.02)
    assert soon.due(1)
    assert not soon.due(2)
    for wrong in (0, -1, 1.5, True, "soon", "5"):
        with pytest.raises(GraphError, match="checkpoint_every"):
            CheckpointCadence(wrong)


def test_settings_from_numpy_resume_and_another_model_is_refused(tmp_path):
    from graphkit import load
    from graphkit.models.stream import NAT, TGN

    graph = load("triadic", num_events=300, num_nodes=40)
    options = {**CPU, "checkpoint_dir": tmp_path, "resume": True, "lr": np.float64(1e-3)}

    def run(model, epochs):
        return fit(model, LinkPrediction(graph, seed=np.int64(1)), epochs=epochs, **options)

    run(NAT.from_graph(graph, num_slots=(8, 4)), 1)
    resumed = run(NAT.from_graph(graph, num_slots=(8, 4)), 2)
    assert len(resumed.timing["epoch_s"]) == 2
    for other in (TGN.from_graph(graph), NAT.from_graph(graph, num_slots=(16, 4))):
        with pytest.raises(GraphError, match=r"another (model|setting)"):
            run(other, 3)


def test_resume_refuses_other_options_of_the_model(tmp_path):
    from graphkit import load
    from graphkit.models.stream import NAT

    graph = load("triadic", num_events=300, num_nodes=40)
    options = {**CPU, "checkpoint_dir": tmp_path, "resume": True}
    fit(NAT.from_graph(graph, num_slots=(8, 4)), LinkPrediction(graph), epochs=1, **options)
    for name, value in (("dropout", 0.1), ("replace_prob", 0.5), ("seed", 3)):
        model = NAT.from_graph(graph, num_slots=(8, 4), **{name: value})
        with pytest.raises(GraphError, match=rf"{name}'.*another setting.*got {value}"):
            fit(model, LinkPrediction(graph), epochs=2, **options)


@pytest.mark.parametrize("wrong", [{"epochs": 1.5}, {"patience": 0}, {"patience": -1}])
def test_nothing_is_tested_untrained(wrong):
    from graphkit import load
    from graphkit.models.stream import EdgeBank

    graph = load("triadic", num_events=300, num_nodes=40)
    with pytest.raises(GraphError, match=next(iter(wrong))):
        fit(EdgeBank.from_graph(graph), LinkPrediction(graph), **{**CPU, **wrong})
