"""Checks of the contract of static graph models, for authors of a model.

Such a model is called ``model(x, edge_index)`` or ``model(x, edge_index, edge_weight)`` and returns
logits ``[n, C]``. ``check_static_model(MyModel.from_graph)`` raises an ``AssertionError`` that
names the violated part of the contract.

Example:
    >>> from graphkit.models.static import DAGNN
    >>> from graphkit.testing import check_static_model
    >>> check_static_model(DAGNN.from_graph)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch_geometric import EdgeIndex
from torch_geometric.data import Data

from graphkit.nn.inputs.number_types import model_inputs
from graphkit.testing.model_checks import (
    assert_close,
    check_deepcopy,
    check_modes,
    check_reset_parameters,
    check_state_dict,
)
from graphkit.testing.not_run import chosen_checks, needs_compile, needs_cuda, run_checks
from graphkit.testing.number_types import run_in_types

__all__ = ["STATIC_CASES", "STATIC_MODEL_CHECKS", "StaticCase", "check_static_model"]

Factory = Callable[[Data], nn.Module]


@dataclass(frozen=True)
class StaticCase:
    """The graph of a check.

    Attributes:
        num_nodes: Number of nodes; the last one has no edge.
        num_edges: Number of edges, counting both directions, without the two self loops.
        channels: Number of features per node.
        classes: Number of classes.
        weighted: Whether edges have weights.
        seed: Seed of the graph and of the parameters.
        device: Device of the model.
    """

    num_nodes: int = 19
    num_edges: int = 60
    channels: int = 12
    classes: int = 4
    weighted: bool = False
    seed: int = 0
    device: str = "cpu"

    def graph(self) -> Data:
        """A random undirected graph with two self loops, and non-negative features, most zero."""
        draw = torch.Generator().manual_seed(self.seed)
        n, half = self.num_nodes, self.num_edges // 2
        ends = torch.randint(max(1, n - 1), (2, half), generator=draw)
        loops = torch.arange(min(2, max(0, n - 1))) if half else torch.arange(0)
        src, dst = torch.cat([ends[0], ends[1], loops]), torch.cat([ends[1], ends[0], loops])
        weight = torch.rand(half, generator=draw) + 0.5
        columns = {}
        if self.weighted:
            columns["edge_weight"] = torch.cat([weight, weight, torch.ones(len(loops))])
        x = torch.rand(n, self.channels, generator=draw)
        x = x * (torch.rand(n, self.channels, generator=draw) < 0.3)
        x[:, 0] += 0.1
        y = torch.arange(n) % self.classes
        y[-1] = self.classes - 1
        return Data(x=x, y=y, edge_index=torch.stack([src, dst]), **columns)

    def model(self, factory: Factory) -> nn.Module:
        """Create a model in evaluation mode, with parameters drawn from the seed of this case."""
        torch.manual_seed(self.seed)
        return factory(self.graph()).to(self.device).eval()

    def inputs(self) -> list[Tensor]:
        """``x``, ``edge_index`` and, if the case has weights, the weights."""
        data = self.graph()
        inputs = [data.x, data.edge_index] + ([data.edge_weight] if self.weighted else [])
        return [value.to(self.device) for value in inputs]


STATIC_CASES: dict[str, StaticCase] = {
    "plain": StaticCase(),
    "weighted": StaticCase(weighted=True, seed=1),
    "one_node": StaticCase(num_nodes=1, num_edges=0, classes=1, seed=2),
    "no_edges": StaticCase(num_edges=0, seed=3),
}
"""The graphs that :func:`check_static_model` uses, by name."""


def check_shapes(factory: Factory, case: StaticCase) -> None:
    """Logits are ``[n, C]``, floating point and finite."""
    out = case.model(factory)(*case.inputs())
    assert out.shape == (case.num_nodes, case.classes), f"logits are {tuple(out.shape)}"
    assert out.is_floating_point()
    assert bool(out.isfinite().all()), "a logit is not finite"


def check_gradients(factory: Factory, case: StaticCase) -> None:
    """The loss gives a finite gradient for every trained parameter, equal in two passes."""
    model, inputs = case.model(factory), case.inputs()
    weight = torch.randn(
        case.num_nodes, case.classes, generator=torch.Generator().manual_seed(5)
    ).to(case.device)
    for _ in range(2):
        model.zero_grad(set_to_none=True)
        (model(*inputs) * weight).sum().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, f"parameter '{name}' gets no gradient"
            assert bool(parameter.grad.isfinite().all()), f"gradient of '{name}' is not finite"
            some = case.num_nodes > 1
            assert not some or bool(parameter.grad.any()), f"gradient of '{name}' is zero"


def check_permutation(factory: Factory, case: StaticCase) -> None:
    """Renumbering the nodes permutes the output rows; the order of edges has no effect."""
    model, (x, edge_index, *weight) = case.model(factory), case.inputs()
    draw = torch.Generator().manual_seed(case.seed)
    nodes = torch.randperm(case.num_nodes, generator=draw).to(x.device)
    edges = torch.randperm(edge_index.shape[1], generator=draw).to(x.device)
    new = torch.empty_like(nodes)
    new[nodes] = torch.arange(case.num_nodes, device=x.device)
    out = model(x[nodes], new[edge_index][:, edges], *(w[edges] for w in weight))
    assert_close(out, model(x, edge_index, *weight)[nodes], "permuted nodes")


def check_other_graph(factory: Factory, case: StaticCase) -> None:
    """Nothing of one graph is kept for the next, even if a graph is overwritten in place."""
    model, (x, edge_index, *weight) = case.model(factory), case.inputs()
    first = model(x, edge_index, *weight)
    reduced = edge_index[:, ::2].contiguous()
    halves = [w[::2].contiguous() for w in weight]
    expected = case.model(factory)(x, reduced.clone(), *halves)
    assert_close(model(x, reduced, *halves), expected, "another graph")
    assert_close(model(x, edge_index, *weight), first, "the first graph again")
    if edge_index.shape[1]:
        edge_index[:, 0] = edge_index[:, -1]
        expected = case.model(factory)(x, edge_index.clone(), *weight)
        assert_close(model(x, edge_index, *weight), expected, "a graph written over")


def check_sparse(factory: Factory, case: StaticCase) -> None:
    """A model with ``accepts_sparse`` gives equal outputs for sparse and for dense features."""
    model, (x, *rest) = case.model(factory), case.inputs()
    if getattr(model, "accepts_sparse", False):
        assert_close(model(x.to_sparse_csr(), *rest), model(x, *rest), "sparse features")


def check_adj_t(factory: Factory, case: StaticCase) -> None:
    """A transposed adjacency (``torch.sparse``) or an ``EdgeIndex`` gives the output of edges."""
    model, (x, edge_index, *weight) = case.model(factory), case.inputs()
    size = (case.num_nodes, case.num_nodes)
    index = EdgeIndex(edge_index, sparse_size=size)
    assert_close(model(x, index, *weight), model(x, edge_index, *weight), "EdgeIndex")
    value = weight[0] if weight else torch.ones_like(edge_index[0], dtype=x.dtype)
    adj_t = torch.sparse_coo_tensor(edge_index.flip(0), value, size).coalesce()
    expected = model(x, adj_t.indices().flip(0), adj_t.values())  # parallel edges are merged
    for layout in (torch.sparse_coo, torch.sparse_csr):
        given = adj_t if layout == torch.sparse_coo else adj_t.to_sparse(layout=layout)
        assert_close(model(x, given), expected, f"adj_t, {layout}")


def check_compile(factory: Factory, case: StaticCase) -> None:
    """The forward pass can be traced by ``torch.compile`` and gives the same output."""
    needs_compile()
    model, inputs = case.model(factory), case.inputs()
    expected = model(*inputs)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="aot_eager")
    assert_close(compiled(*inputs), expected, "compiled")
    torch._dynamo.reset()


def check_types(factory: Factory, case: StaticCase) -> None:
    """Float64, bf16-mixed and float64 data work (:mod:`graphkit.testing.number_types`)."""

    def call(model: nn.Module, dtype: torch.dtype) -> Tensor:
        x, edge_index, *weight = case.inputs()
        given = model_inputs(model, x.to(dtype), *(w.to(dtype) for w in weight))
        return model(given[0], edge_index, *given[1:])

    run_in_types(lambda: case.model(factory), call, device=case.device)


def check_devices(factory: Factory, case: StaticCase) -> None:
    """CPU and GPU agree closely. Needs a GPU."""
    needs_cuda()
    gpu = replace(case, device="cuda")
    a, b = case.model(factory), gpu.model(factory)
    b.load_state_dict(a.state_dict())
    assert_close(a(*case.inputs()), b(*gpu.inputs()).cpu(), "CPU and GPU agree")


STATIC_MODEL_CHECKS: dict[str, Callable[[Factory, StaticCase], None]] = {
    check.__name__.removeprefix("check_"): check
    for check in (
        check_shapes,
        check_gradients,
        check_modes,
        check_state_dict,
        check_reset_parameters,
        check_deepcopy,
        check_permutation,
        check_other_graph,
        check_sparse,
        check_adj_t,
        check_compile,
        check_types,
        check_devices,
    )
}
"""The checks by name, each called as ``check(factory, case)``."""


def check_static_model(
    factory: Factory, case: StaticCase | None = None, *, only: Iterable[str] | None = None
) -> dict[str, str]:
    """Run all checks on a static graph model.

    Args:
        factory: Creates a model for a graph, such as ``MyModel.from_graph``.
        case: Run the checks on this graph only.
        only: Names from :data:`STATIC_MODEL_CHECKS`; all checks by default.

    Returns:
        The checks that could not run on this machine, with the reason.

    Raises:
        AssertionError: The contract is violated; the message names the violated part.
    """
    chosen = chosen_checks(STATIC_MODEL_CHECKS, only)
    skipped: dict[str, str] = {}
    for one in STATIC_CASES.values() if case is None else [case]:
        skipped |= run_checks(chosen, factory, one)
    return skipped
