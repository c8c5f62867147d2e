"""torch-scatter, where it is installed: it is in use, and the numbers are those of torch alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch_geometric.typing
from torch import Tensor
from torch_geometric.utils import scatter, softmax

from graphkit import TemporalGraph
from graphkit.models.stream import TGN
from graphkit.testing import StreamCase

pytestmark = pytest.mark.extras


@pytest.fixture
def torch_scatter() -> Any:
    try:
        import torch_scatter
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"torch_scatter cannot be loaded: {error}")
    assert torch_geometric.typing.WITH_TORCH_SCATTER, "PyG does not see torch-scatter"
    return torch_scatter


@pytest.fixture
def both(torch_scatter: Any) -> Iterator[Callable[[Callable[[], Any]], tuple[Any, Any]]]:
    """Runs a function with torch-scatter and without it."""
    with pytest.MonkeyPatch.context() as patch:

        def run(function: Callable[[], Any]) -> tuple[Any, Any]:
            with_it = function()
            patch.setattr(torch_geometric.typing, "WITH_TORCH_SCATTER", False)
            without = function()
            patch.undo()
            return with_it, without

        yield run


@pytest.mark.parametrize("reduce", ["sum", "mean", "min", "max", "mul"])
def test_scatter_and_its_gradient(both: Any, reduce: str) -> None:
    index = torch.tensor([3, 0, 0, 3, 3, 1])
    values = torch.randn(6, 2, dtype=torch.float64)

    def reduced() -> tuple[Tensor, Tensor]:
        leaf = values.clone().requires_grad_()
        out = scatter(leaf, index, dim=0, dim_size=5, reduce=reduce)
        out.square().sum().backward()
        return out.detach(), leaf.grad

    for ours, plain in zip(*both(reduced)):
        torch.testing.assert_close(ours, plain)


def test_snapshots_reduce_through_it(both: Any, torch_scatter: Any) -> None:
    calls = []
    segment_csr = torch_scatter.segment_csr
    draw = torch.Generator().manual_seed(0)
    src, dst = torch.randint(4, (2, 200), generator=draw)
    graph = TemporalGraph(
        src,
        dst,
        torch.arange(200),
        edge_attr=torch.randn(200, 3, generator=draw),
        edge_weight=torch.rand(200, generator=draw),
    )

    def snapshots() -> list[Tensor]:
        steps = graph.snapshots(count=3, reduce="mean")
        return [part for s in steps for part in (s.edge_index, s.edge_weight, s.edge_attr)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            torch_scatter,
            "segment_csr",
            lambda *args, **options: calls.append(1) or segment_csr(*args, **options),
        )
        ours, plain = both(snapshots)
    assert calls, "torch-scatter's kernel was not used"
    for a, b in zip(ours, plain):
        torch.testing.assert_close(a, b)


def test_softmax_of_attention(both: Any) -> None:
    index = torch.tensor([0, 0, 2, 2, 2])
    values = torch.randn(5, 4)
    ours, plain = both(lambda: softmax(values, index, num_nodes=3))
    torch.testing.assert_close(ours, plain)


def test_a_model_scores_the_same(both: Any) -> None:
    case = StreamCase()

    def scores() -> Tensor:
        model = case.model(TGN.from_graph)
        found = []
        for batch in case.batches():
            found.append(model.score(batch.src, case.candidates(batch), batch.t))
            model.observe(batch)
        return torch.cat(found)

    with torch.no_grad():
        ours, plain = both(scores)
    torch.testing.assert_close(ours, plain)
