"""The Hangzhou metro: days one after the other, and what is known of its graph."""

from datetime import datetime, timezone

import numpy as np
import pytest
import torch
from scipy.io import savemat

from graphkit.datasets import load
from graphkit.errors import GraphError, UnknownNameError


def write(folder, stations=4, days=2, slots=3):
    tensor = np.arange(stations * days * slots, dtype=np.uint16).reshape(stations, days, slots)
    savemat(folder / "tensor.mat", {"tensor": tensor})
    head = ",".join(["", *map(str, range(stations))])
    ring = [[int((i - j) % stations in (1, stations - 1)) for j in range(stations)]
            for i in range(stations)]  # fmt: skip
    rows = [head, *(f"{i}," + ",".join(map(str, row)) for i, row in enumerate(ring))]
    (folder / "graph.csv").write_text("\n".join(rows))
    return tensor


@pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")
def test_small_file(tmp_path, no_data):
    tensor = write(tmp_path)
    graph = load("hangzhou_metro", tmp_path, download=False)
    assert graph.num_events == 0
    assert graph.signal_recording.tolist() == [0, 0, 0, 1, 1, 1]
    assert graph.recordings["day"].tolist() == [0, 1]
    for day in range(2):
        for slot in range(3):
            row = 3 * day + slot
            assert graph.signal[row, :, 0].tolist() == tensor[:, day, slot].tolist()
            moment = datetime.fromtimestamp(int(graph.signal_t[row]), tz=timezone.utc)
            assert (moment.month, moment.day) == (1, 1 + day)
            assert (moment.hour, moment.minute) == (6, 10 * slot)
    ring = load("hangzhou_metro", tmp_path, download=False, edges="published")
    assert ring.num_events == 8
    with pytest.raises(UnknownNameError, match="published"):
        load("hangzhou_metro", tmp_path, download=False, edges="publised")


def test_broken_files(tmp_path, no_data):
    savemat(tmp_path / "tensor.mat", {"flow": np.zeros((2, 2, 2))})
    with pytest.raises(GraphError, match="published tensor"):
        load("hangzhou_metro", tmp_path, download=False)
    (tmp_path / "tensor.mat").write_bytes(b"MATLAB 5.0 MAT-file" + b"\0" * 40)
    with pytest.raises(GraphError, match="cannot be read"):
        load("hangzhou_metro", tmp_path, download=False)


def test_real_file(real):
    graph = real("hangzhou_metro")
    assert graph.signal.shape == (2700, 80, 1)
    assert float(graph.signal.max()) == 3334
    assert graph.signal_recording.bincount().tolist() == [108] * 25
    assert bool((graph.signal_t.diff() == 600).sum() == 25 * 107)
    by_day = graph.signal.sum((1, 2)).view(25, 108).sum(1)
    weekend = torch.tensor([d % 7 in (4, 5) for d in range(25)])  # the 5th is a Saturday
    assert float(by_day[weekend].mean()) < 0.95 * float(by_day[~weekend].mean())
    assert real("hangzhou_metro", edges="published").num_events == 166


def test_neighbours_do_not_tell_which_station_is_missing(real):
    """Why the published graph is not used unasked: leaving out 54 is not clearly best."""
    graph = real("hangzhou_metro")
    series = graph.signal[..., 0].view(25, 108, 80)[:15]
    rest = (series - series.mean(0)).reshape(-1, 80).T.numpy()
    similar = np.corrcoef(rest)
    published = real("hangzhou_metro", edges="published")
    near = float(similar[published.src, published.dst].mean())
    draw = np.random.default_rng(0)
    shuffled = [
        similar[(p := draw.permutation(80))[published.src], p[published.dst]].mean()
        for _ in range(50)
    ]
    assert near > max(shuffled)  # the graph does say something
    rolled = [similar[(published.src + k) % 80, (published.dst + k) % 80].mean() for k in (1, 79)]
    assert max(rolled) > near - 0.1  # but one station further says nearly the same
