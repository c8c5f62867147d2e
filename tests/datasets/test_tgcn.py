"""Los-loop and SZ-taxi: the real files, and small ones of the same layout."""

import gzip

import numpy as np
import pytest
import torch

from graphkit.datasets import load
from graphkit.errors import DatasetNotFoundError, GraphError


def write(folder, prefix, steps=5, broken=""):
    speed = np.random.default_rng(0).uniform(1, 70, size=(steps, 3)).round(3)
    rows = ["a,b,c", *(",".join(map(str, row)) for row in speed)]
    if broken == "text":
        rows[2] = "1.0,slow,2.0"
    (folder / f"{prefix}_speed.csv").write_text("\n".join(rows) + "\n")
    matrix = [[1, 0.5, 0], [0.5, 1, 0.25], [0, 0.25, 1]]
    lines = "\n".join(",".join(map(str, row)) for row in matrix[: 2 if broken == "size" else 3])
    (folder / f"{prefix}_adj.csv.gz").write_bytes(gzip.compress(lines.encode()))
    return speed


@pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")
@pytest.mark.parametrize(
    "name, prefix, first, every", [("los_loop", "los", 1330560000, 300),
                                   ("sz_taxi", "sz", 1420070400, 900)],
)  # fmt: skip
def test_small_files(tmp_path, name, prefix, first, every):
    speed = write(tmp_path, prefix)
    graph = load(name, tmp_path, download=False)
    assert torch.equal(graph.signal[..., 0], torch.tensor(speed).float())
    assert graph.signal_t.tolist() == [first + every * i for i in range(5)]
    assert graph.node_names.tolist() == ["a", "b", "c"]
    edges = set(zip(graph.src.tolist(), graph.dst.tolist(), graph.edge_weight.tolist()))
    assert edges == {(0, 1, 0.5), (1, 0, 0.5), (1, 2, 0.25), (2, 1, 0.25)}
    with pytest.raises(GraphError, match="not the published data set"):
        load(name, tmp_path, download=False, strict=True)
    assert torch.equal(load(name, tmp_path / f"{prefix}_speed.csv").signal, graph.signal)


def test_broken_files(tmp_path, no_data):
    write(tmp_path, "los", broken="text")
    with pytest.raises(GraphError, match="not a number"):
        load("los_loop", tmp_path, download=False)
    write(tmp_path, "los", broken="size")
    with pytest.raises(GraphError, match="does not fit the signal; expected 3 x 3; got 2 x 3"):
        load("los_loop", tmp_path, download=False)
    (tmp_path / "los_speed.csv").write_bytes(b"\x1f\x8b broken")
    with pytest.raises(GraphError, match="cannot be read"):
        load("los_loop", tmp_path, download=False)
    (tmp_path / "los_adj.csv.gz").unlink()
    write(tmp_path, "sz")
    (tmp_path / "sz_adj.csv.gz").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"sz_adj\.csv"):
        load("sz_taxi", tmp_path, download=False)


def test_real_files(real):
    graph = real("los_loop")
    assert graph.signal.shape == (2016, 207, 1)
    assert graph.signal_mask is None
    assert float(graph.signal.min()) == 1.0
    assert float(graph.signal.max()) == 70.0
    assert graph.num_events == 2833 - 207  # without the diagonal
    assert graph.node_names[0] == "773869"
    keys = graph.src * 207 + graph.dst
    assert torch.equal((graph.dst * 207 + graph.src).sort().values, keys.sort().values)
