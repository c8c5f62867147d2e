"""The bar shows itself only to a person, and looks at the loss only now and then."""

import sys

import torch

from graphkit.engine import progress as module
from graphkit.engine.progress import Progress


class Loss:
    """Counts how often somebody waits for it."""

    def __init__(self):
        self.looks = 0

    def item(self):
        self.looks += 1
        return 6.0


def test_silent_when_told_so(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    quiet = Progress("toy", show=False)
    quiet.begin("train", 10)
    quiet.batch(5)
    quiet.say("something")
    quiet.end()
    assert capsys.readouterr().err == ""


def test_no_bar_in_a_file_but_lines(capsys):
    progress = Progress("toy", show=True)
    progress.begin("train", 10)
    progress.batch(5, torch.tensor(1.0), 5)
    progress.say("epoch 1")
    assert capsys.readouterr().err == "toy  epoch 1\n"


def test_the_loss_is_looked_at_when_the_bar_is_drawn(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    clock = iter([0.0] + [0.1 * i for i in range(1, 100)])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock))
    progress, loss = Progress("toy", show=True), Loss()
    progress.begin("epoch 1 train", 20)
    for done in range(1, 21):
        progress.batch(done, loss, 3)
    progress.end()
    assert 2 <= loss.looks <= 7
    err = capsys.readouterr().err
    assert "toy epoch 1 train" in err
    assert "loss 2.0000" in err
