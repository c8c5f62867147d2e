"""Filters, references and bad electrodes where readings are missing."""

from __future__ import annotations

import numpy as np
import pytest

from graphkit.datasets.recordings import (
    bandpass,
    interpolate_channels,
    recording_graph,
    rereference,
)
from graphkit.errors import GraphError, UnknownNameError
from graphkit.tasks.window_input import WindowInput

RATE = 128.0
NAMES = ["Fp1", "Fp2", "C3", "C4", "O1", "O2", "Cz", "Pz"]


def wave(seconds: float = 4.0) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    phase = np.arange(len(NAMES))
    return 4000 + 10 * np.sin(2 * np.pi * 10 * t[:, None] + phase)


def test_one_missing_reading_does_not_spread() -> None:
    x = wave()
    whole = bandpass(x, RATE, (5.0, 20.0))
    x[100, 2] = np.nan
    with pytest.raises(GraphError, match="row 100: a reading is missing in channel 2"):
        bandpass(x, RATE, (5.0, 20.0))
    found = bandpass(x, RATE, (5.0, 20.0), missing="interpolate")
    lost = np.isnan(found)
    assert lost.sum() == 1
    assert lost[100, 2]
    np.testing.assert_allclose(found[~lost], whole[~lost], atol=0.5)
    others = [i for i in range(len(NAMES)) if i != 2]
    np.testing.assert_array_equal(found[:, others], whole[:, others])


def test_long_gaps_and_infinite_readings_are_refused() -> None:
    x = wave()
    x[100:140, 2] = np.nan
    with pytest.raises(GraphError, match=r"row 100: readings are missing for longer than 0.1 s"):
        bandpass(x, RATE, (5.0, 20.0), missing="interpolate")
    assert np.isnan(bandpass(x, RATE, (5.0, 20.0), missing="interpolate", max_gap=0.5)).sum() == 40
    x[:, 2] = np.nan
    with pytest.raises(GraphError, match="row 0: readings are missing"):
        bandpass(x, RATE, (5.0, 20.0), missing="interpolate", max_gap=1e6)
    x[:, 2] = np.inf
    with pytest.raises(GraphError, match="row 0: a reading is infinite in channel 2"):
        bandpass(x, RATE, (5.0, 20.0), missing="interpolate")
    with pytest.raises(UnknownNameError, match="missing"):
        bandpass(x, RATE, (5.0, 20.0), missing="fill")
    assert bandpass(x, RATE, None) is x


@pytest.mark.parametrize("reference", ["average", "laplacian"])
def test_a_reference_of_missing_readings_is_refused(reference: str) -> None:
    x = wave()
    x[7, 3] = np.nan
    with pytest.raises(GraphError, match="row 7: a reading is missing in channel C4"):
        rereference(x, NAMES, RATE, reference)


def test_a_bad_electrode_is_made_from_the_others() -> None:
    pytest.importorskip("mne")
    x = wave()
    x -= 4000
    smooth = np.repeat(x[:, :1], len(NAMES), axis=1)  # the same under every electrode
    broken = smooth.copy()
    broken[:, 6] = np.nan
    found = interpolate_channels(broken, NAMES, RATE, ["Cz"])
    np.testing.assert_allclose(found, smooth, atol=0.5)
    np.testing.assert_allclose(found[:, :6], smooth[:, :6], rtol=1e-6)
    assert np.isnan(broken[:, 6]).all()
    assert interpolate_channels(broken, NAMES, RATE, []) is broken
    with pytest.raises(GraphError, match="no such electrode"):
        interpolate_channels(broken, NAMES, RATE, ["Oz"])
    with pytest.raises(GraphError, match="missing in channel Cz"):
        interpolate_channels(broken, NAMES, RATE, ["Pz"])
    with pytest.raises(GraphError, match="too few electrodes are left"):
        interpolate_channels(broken, NAMES, RATE, NAMES[:6])


def test_the_scale_of_a_window_is_that_of_its_readings() -> None:
    """One missing reading of 128 around 4000."""
    draw = np.random.default_rng(0)
    piece = 4000 + draw.normal(size=(128, 4))
    piece[50, 1] = np.nan
    graph = recording_graph([piece], [0], RATE, NAMES[:4], {"y": [0]}, "test")
    prepare = WindowInput(4, 1, history=128)
    w = graph.windows(128, 0)[:1]
    x, mask = prepare.prepare(w.x, w.x_mask)
    centred = piece - np.nanmean(piece, axis=0)
    expected = centred / np.sqrt(np.nanmean(centred**2))
    np.testing.assert_allclose(x[0, :, 0, 0], expected[:, 0], atol=2e-3)
    assert 0.9 < float(x.std()) < 1.1
    assert float(x[0, 50, 1, 0]) == pytest.approx(float(x[0, [49, 51], 1, 0].mean()), abs=1e-6)
    assert bool(mask.all())
    assert not WindowInput(4, 1, history=128, missing="zero").prepare(w.x, w.x_mask)[1].all()
