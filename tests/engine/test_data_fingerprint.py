"""The checksum of a task's data, by which a checkpoint is refused."""

from types import SimpleNamespace

import torch

from graphkit import TemporalGraph
from graphkit.engine.data_fingerprint import data_fingerprint


def of(**columns):
    given = {"signal_recording": [0, 0, 0, 1, 1, 1], "recordings": {"y": [0, 1]}, **columns}
    signal = torch.arange(12.0).reshape(6, 2, 1)
    return data_fingerprint(
        SimpleNamespace(graph=TemporalGraph([0], [1], [2], signal=signal, **given))
    )


def test_checkpoints_of_older_versions_have_the_same():
    """Written when ``signal_recording`` had another name."""
    assert of() == "3f7f79b6e517bdf3"


def test_columns_count():
    assert of(signal_recording=[0, 0, 1, 1, 1, 1]) != of()
    assert of(signal_recording=None, recordings=None) != of()
    assert data_fingerprint(SimpleNamespace()) is None
