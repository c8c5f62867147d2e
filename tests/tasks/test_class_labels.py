"""Classes of recordings that are text, and models that are too narrow for them."""

import numpy as np
import pytest
import torch

from graphkit import Predictor, TemporalGraph
from graphkit.data.recording_splits import RecordingSplit
from graphkit.engine import fit
from graphkit.errors import GraphError
from graphkit.models.signal import SequenceClassifier
from graphkit.tasks import RecordingClassification, WindowClassification
from graphkit.tasks.class_labels import check_width, recording_classes

KEYS = {"epochs": 1, "device": "cpu", "progress": False}


def trials(label, **more) -> TemporalGraph:
    draw = np.random.default_rng(0)
    return TemporalGraph(
        [], [], [],
        signal=draw.standard_normal((120, 3)),
        signal_recording=np.repeat(np.arange(12), 10),
        recordings={"y": label, "subject": np.arange(12) // 2},
        time_unit="step",
        **more,
    )  # fmt: skip


TEXT = ["right", "left", "rest"] * 4
SPLIT = RecordingSplit("subject", test=[0], val=[1])


@pytest.mark.parametrize("task", [WindowClassification, RecordingClassification])
def test_text_becomes_classes_with_names(task):
    options = {"history": 10} if task is WindowClassification else {}
    found = {}
    for kind, label in (("text", TEXT), ("number", np.tile([2, 0, 1], 4))):
        asked = task(trials(label), split=SPLIT, **options)
        torch.manual_seed(0)
        model = SequenceClassifier.from_task(asked)
        found[kind] = fit(model, asked, **KEYS).metrics
        if kind == "text":
            assert asked.class_names == ("left", "rest", "right")
            assert asked.labels.tolist() == [2, 0, 1] * 4
            table = Predictor(model, asked).predict(trials(TEXT))
            assert [name for name in table.columns if name in TEXT] == ["left", "rest", "right"]
            assert set(table["class"]) <= {"left", "rest", "right"}
        else:
            assert asked.class_names is None
    assert found["text"] == found["number"]


def test_names_of_the_graph():
    names = {"recordings.y": ("a", "b", "c")}
    labels, called = recording_classes(trials([2, 0, 1] * 4, class_names=names), "y")
    assert labels.tolist() == [2, 0, 1] * 4
    assert called == ("a", "b", "c")


@pytest.mark.parametrize(
    ("label", "says"),
    [
        (np.tile([0.0, 1.5, 2.0], 4), r"'recordings\.y': not classes; expected integers"),
        (np.tile([0, -1, 2], 4), r"'recordings\.y', row 1: a class is negative"),
        (np.tile([0, 1, 10**9], 4), r"'recordings\.y', row 2: a class out of range"),
    ],
)
@pytest.mark.parametrize("task", [WindowClassification, RecordingClassification])
def test_labels_that_are_no_classes(task, label, says):
    options = {"history": 10} if task is WindowClassification else {}
    with pytest.raises(GraphError, match=says):
        task(trials(label), split=SPLIT, **options)


def test_too_few_classes_are_asked_for():
    with pytest.raises(GraphError, match=r"'recordings\.y', row 0: a class out of range"):
        WindowClassification(trials(TEXT), history=10, split=SPLIT, num_classes=2)


@pytest.mark.parametrize("task", [WindowClassification, RecordingClassification])
def test_a_model_with_fewer_outputs_than_classes(task):
    class Narrow(torch.nn.Module):
        kind = "classify"

        def __init__(self):
            super().__init__()
            self.lin = torch.nn.Linear(3, 2)

        def forward(self, x, covariates=None, mask=None):
            return self.lin(x.mean((1, 3)))

    options = {"history": 10} if task is WindowClassification else {}
    asked = task(trials(TEXT), split=SPLIT, **options)
    with pytest.raises(GraphError, match="fewer outputs than there are classes"):
        fit(Narrow(), asked, **KEYS)


def test_width():
    logits = torch.zeros(4, 3)
    assert check_width(logits, 3) is logits
    assert check_width(logits, 2) is logits
    with pytest.raises(GraphError, match=r"expected logits \[\.\.\., 4\]; got \[4, 3\]"):
        check_width(logits, 4)
