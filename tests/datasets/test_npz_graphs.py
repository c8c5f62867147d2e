"""The .npz graphs: read as written, made symmetric, without self loops; broken files."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from graphkit import registry
from graphkit.datasets import load
from graphkit.errors import GraphError

NAMES = ["coauthor_cs", "coauthor_physics", "amazon_computers", "amazon_photo"]


def write(folder, name, dense_features=False, **changes):
    a = csr_matrix(np.array([[1, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]], np.float32))
    x = np.array([[0, 1, 0], [2, 0, 0], [0, 0, 0], [0, 0, 3]], np.float32)
    sparse = csr_matrix(x)
    parts = {
        "adj_data": a.data,
        "adj_indices": a.indices,
        "adj_indptr": a.indptr,
        "adj_shape": a.shape,
        "labels": np.array([0, 1, 1, 0]),
    }
    if dense_features:
        parts["attr_matrix"] = x
    else:
        parts |= {
            "attr_data": sparse.data,
            "attr_indices": sparse.indices,
            "attr_indptr": sparse.indptr,
            "attr_shape": sparse.shape,
        }
    parts |= changes
    path = folder / registry.get("dataset", name).source.file
    np.savez(path, **{k: v for k, v in parts.items() if v is not None})
    return path, x


@pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")
@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_small_file(tmp_path, name, dense):
    _, x = write(tmp_path, name, dense)
    graph = load(name, tmp_path, download=False)
    pairs = list(zip(graph.src.tolist(), graph.dst.tolist()))
    assert pairs == [(0, 1), (1, 0), (1, 2), (2, 1)]
    assert np.array_equal(graph.x.numpy(), x)
    assert graph.y.tolist() == [0, 1, 1, 0]
    assert graph.num_nodes == 4
    with pytest.raises(GraphError, match="not the published data set"):
        load(name, tmp_path, download=False, strict=True)


def test_broken_files(tmp_path):
    path, _ = write(tmp_path, "amazon_photo", labels=None)
    with pytest.raises(GraphError, match="holds no labels"):
        load("amazon_photo", path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(GraphError, match="cannot be read"):
        load("amazon_photo", path)
