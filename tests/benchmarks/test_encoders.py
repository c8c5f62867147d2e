"""The encoders command: its tasks by brute force, its curriculum, a run from end to end."""

from __future__ import annotations

import argparse
import dataclasses
import json

import pytest
import torch

from benchmarks import encoders, report
from benchmarks._curriculum import Curriculum
from benchmarks._sequence_tasks import IGNORE, TASKS, BitTask


def draw() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_bits_by_brute_force() -> None:
    for name, label in (
        ("parity", lambda row, n: sum(row[-n:]) % 2),
        ("match", lambda row, n: int(row[-n] == row[-1])),
    ):
        task = TASKS[name]
        assert isinstance(task, BitTask)
        bits = task.sample(draw(), 500, 5)
        assert 7 <= bits.shape[1] < 22
        for n in (2, 5):
            got = task.label(bits, n)
            assert got.tolist() == [label(row, n) for row in bits.tolist()]
            if name == "match":
                assert abs(got.float().mean() - 0.5) < 0.1  # nothing to be had from a bias


def test_recall_and_copy_by_brute_force() -> None:
    x, target = TASKS["recall"].sample(draw(), 50, "train")
    for events, answers in zip(x, target.tolist()):
        key, value = events[:, :8].argmax(-1).tolist(), events[:4, 8:].argmax(-1).tolist()
        assert (events[:, :8].sum(1) == 1).all()
        assert events[:, 8:].sum(1).tolist() == [1] * 4 + [0] * 4
        assert set(key[:4]) == set(key[4:])
        assert answers == [IGNORE] * 4 + [value[key.index(k)] for k in key[4:]]
    x, target = TASKS["copy"].sample(draw(), 5, "train")
    assert (target[:, :4] == IGNORE).all()
    assert torch.equal(target[:, 4:], x.argmax(-1)[:, :-4])


def test_running_parity_by_brute_force() -> None:
    for split in ("train", "validation", "test"):
        x, target = TASKS["running"].sample(draw(), 5, split)
        for bits, answers in zip((x[:, :, 0] > 0).tolist(), target.tolist()):
            assert answers == [sum(bits[: t + 1]) % 2 for t in range(len(bits))]
    assert TASKS["running"].sample(draw(), 1, "test")[0].shape[1] == 16


def test_reverse_and_places_by_brute_force() -> None:
    x, target = TASKS["reverse"].sample(draw(), 20, "train")
    for tokens, answers in zip(x.argmax(-1).tolist(), target.tolist()):
        assert tokens[8:] == [8] * 8
        assert answers == [IGNORE] * 8 + tokens[7::-1]
    x, target = TASKS["places"].sample(draw(), 20, "train")
    assert torch.equal(x, x[:, :1].expand_as(x))
    assert len(x[:, 0].argmax(-1).unique()) > 10
    assert target.tolist() == [list(range(16))] * 20


def test_digits(graphkit_data) -> None:
    if not (graphkit_data / "mnist-t10k").is_dir():
        pytest.skip("mnist-t10k is not at hand")
    x, target = TASKS["digits"].sample(draw(), 200, "test")
    assert x.shape == (200, 14, 14)
    assert 0 <= x.min() < x.max() <= 1
    assert (target[:, :-1] == IGNORE).all()
    assert set(target[:, -1].tolist()) == set(range(10))


def test_curricula() -> None:
    multi, single = Curriculum("multi"), Curriculum("single")
    sliding = Curriculum("sliding", keep=2)
    assert not multi.report([0.97])
    for _ in range(3):
        for plan in (multi, single, sliding):
            assert plan.report([0.99] * len(plan.heads))
    assert multi.heads == [2, 3, 4, 5]
    assert single.heads == [5]
    assert sliding.heads == [4, 5]
    assert multi.solved == single.solved == sliding.solved == 4
    assert not multi.report([1, 1, 1, 0.97])  # the last head counts by itself
    assert not multi.report([0.9, 1, 1, 1])
    with pytest.raises(ValueError, match="one accuracy per head"):
        multi.report([1.0])
    with pytest.raises(ValueError, match="kind"):
        Curriculum("both")


def test_from_end_to_end(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(encoders, "_step_us", lambda encoder, position, args: 1.0)
    monkeypatch.setattr(encoders, "_kept", lambda encoder, length, args: 1.0)
    parser = argparse.ArgumentParser()
    encoders.add_arguments(parser)
    path = tmp_path / "record.json"
    given = ["--encoder", "gru,bigru", "--tasks", "parity,copy", "--channels", "8"]
    given += ["--longest", "256", "--updates", "21", "--json", str(path)]
    assert encoders.run(parser.parse_args(given)) == 0
    record = json.loads(path.read_text())
    assert record["schema"] == encoders.SCHEMA
    gru, bigru = (record["rows"][n] for n in ("gru", "bigru"))
    assert gru["parameters"] == 3 * 8 * 18
    assert gru["difference"] < 1e-12
    assert "step_us" not in bigru
    assert gru["speed"]["recurrent"]["length"] == [256]
    assert set(gru["tasks"]) == {"parity", "copy"}
    assert gru["tasks"]["copy"]["updates"] == 21
    assert {"validation", "accuracy"} <= set(gru["tasks"]["copy"])
    shown = capsys.readouterr().out
    assert "bigru" in shown
    assert "parity" in shown
    assert "(none)" in shown  # what is not solved stands in brackets
    lines = report.rendered("record", tmp_path)
    assert lines[0].startswith("*8 channels")
    assert any(line.startswith("| bigru | ") for line in lines)
    encoders.run(parser.parse_args(given))  # goes on from the record: nothing is measured anew
    assert json.loads(path.read_text())["rows"] == record["rows"]


def test_a_trial_sees_no_test_data(monkeypatch, capsys) -> None:
    splits = []
    copy = TASKS["copy"].sample
    spy = dataclasses.replace(
        TASKS["copy"], sample=lambda d, n, split: (splits.append(split), copy(d, n, split))[1]
    )
    monkeypatch.setitem(TASKS, "copy", spy)
    parser = argparse.ArgumentParser()
    encoders.add_arguments(parser)
    given = ["--encoder", "gru", "--tasks", "copy", "--channels", "8", "--updates", "2", "--trial"]
    assert encoders.run(parser.parse_args([*given, "--lr", "0.5"])) == 0
    assert splits == ["train", "train", "validation"]
    assert "'lr': 0.5" in capsys.readouterr().err


def test_the_learning_rate_warms_up_and_falls() -> None:
    factors = [encoders._factor(update, 100) for update in range(100)]
    top = factors.index(max(factors))
    assert factors[0] == pytest.approx(1 / 20)
    assert max(factors) == 1
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    assert factors[-1] < 0.01


def test_settings_are_of_encoders_and_tasks_that_exist() -> None:
    paths = sorted(encoders._SETTINGS.glob("*.json"))
    assert paths
    for path in paths:
        name, settings = path.stem, json.loads(path.read_text())
        assert settings
        assert set(settings) <= {"encoder", "tasks"}
        for task, tuned in settings.get("tasks", {}).items():
            assert set(tuned) <= {"lr", "encoder"}
            assert task in TASKS
            encoders.make(name, 64, **tuned.get("encoder", {}))


def test_memory_is_counted_once() -> None:
    args = argparse.Namespace(batch=1, channels=8, seed=0)
    encoder = encoders.make("gru", 8)
    assert 0 < encoders._kept(encoder, 64, args) < 1
    assert encoders._kept(encoder, 128, args) > 1.5 * encoders._kept(encoder, 64, args)
