from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from graphkit import TemporalGraph
from graphkit.errors import GraphError, UnknownNameError
from graphkit.models.stream.tgn import TGN
from graphkit.tasks import LinkPrediction

SMALL = {"memory_channels": 6, "time_channels": 5, "embedding_channels": 8, "num_neighbors": 3}


def a_stream(
    num_events: int = 120, num_nodes: int = 9, edge_channels: int = 2, x_channels: int = 0
) -> TemporalGraph:
    draw = torch.Generator().manual_seed(5)
    src, dst = torch.randint(num_nodes, (2, num_events), generator=draw)
    dst[::13] = src[::13]
    t = torch.randint(0, 3, (num_events,), generator=draw).cumsum(0) + 2**40
    features = {}
    if edge_channels:
        features["edge_attr"] = torch.randn(num_events, edge_channels, generator=draw)
    if x_channels:
        features["x"] = torch.randn(num_nodes, x_channels, generator=draw)
    return TemporalGraph(src, dst, t, num_nodes=num_nodes, **features)


class Naive:
    """The equations, one node at a time, state in dictionaries and lists."""

    def __init__(self, model: TGN, graph: TemporalGraph):
        self.m, self.graph = model, graph
        self.memory, self.last, self.pending, self.history = {}, {}, {}, {}
        self.start = None

    def stored(self, node: int) -> Tensor:
        return self.memory.get(node, torch.zeros(self.m.memory_channels))

    def feature(self, event: int) -> Tensor:
        table = self.graph.tables.edge_attr
        return torch.empty(0) if table is None else table[event]

    def time(self, gap: float) -> Tensor:
        encoder = self.m.time_encoder
        return torch.cos(float(gap) * encoder.frequency + encoder.bias)

    def updated(self, node: int) -> tuple[Tensor, int]:
        last = self.last.get(node, self.start)
        if not self.pending.get(node):
            return self.stored(node), last
        messages = [
            torch.cat([self.stored(node), self.stored(other), self.feature(e), self.time(t - last)])
            for other, t, e in self.pending[node]
        ]
        if self.m.aggregator == "last":
            message = messages[-1]
        else:
            messages = messages[-self.m.messages.slots :]
            message = sum(messages) / len(messages)
        memory = self.m.cell(message.unsqueeze(0), self.stored(node).unsqueeze(0)).squeeze(0)
        return memory, self.pending[node][-1][1]

    def h(self, node: int) -> Tensor:
        h = self.updated(node)[0]
        return h if self.m.lin_x is None else h + self.m.lin_x(self.graph.x[node])

    def embed(self, node: int, now: int) -> Tensor:
        conv, heads = self.m.conv, self.m.conv.heads
        query = conv.lin_query(self.h(node)).view(heads, -1)
        keys, values = [], []
        for other, t, e in self.history.get(node, [])[-self.m.neighbors.size :]:
            gap = now - t if self.m.time_gap == "query" else self.updated(other)[1] - t
            edge = conv.lin_edge(torch.cat([self.time(gap), self.feature(e)])).view(heads, -1)
            keys.append(conv.lin_key(self.h(other)).view(heads, -1) + edge)
            values.append(conv.lin_value(self.h(other)).view(heads, -1) + edge)
        out = conv.lin_skip(self.h(node))
        if keys:
            logits = torch.stack([(query * key).sum(-1) for key in keys])
            weight = torch.softmax(logits / math.sqrt(query.size(-1)), dim=0)
            out = out + sum(w.unsqueeze(-1) * v for w, v in zip(weight, values)).flatten()
        return out

    def score(self, u: int, v: int, now: int) -> float:
        hidden = self.m.lin_src(self.embed(u, now)) + self.m.lin_dst(self.embed(v, now))
        return self.m.lin_final(hidden.relu()).item()

    def observe(self, batch) -> None:
        if self.start is None:
            self.start = batch.t.min().item()
        nodes = set(batch.src.tolist()) | set(batch.dst.tolist())
        new = {node: self.updated(node) for node in nodes if self.pending.get(node)}
        for node, (memory, last) in new.items():
            self.memory[node], self.last[node] = memory, last
        for node in nodes:
            self.pending[node] = []
        rows = (batch.t, batch.event_id, batch.src, batch.dst)
        for t, e, u, v in sorted(zip(*(column.tolist() for column in rows))):
            for a, b in {(u, v), (v, u)}:
                self.pending[a].append((b, t, e))
                self.history.setdefault(a, []).append((b, t, e))


@pytest.mark.parametrize(
    ("settings", "features"),
    [
        ({}, {}),
        ({"time_gap": "query"}, {"edge_channels": 0, "x_channels": 4}),
        ({"time_gap": "last_update"}, {"x_channels": 4}),
        ({"aggregator": "mean", "memory_cell": "rnn"}, {"edge_channels": 0}),
        ({"aggregator": "mean", "message_slots": 3, "heads": 1}, {}),
    ],
    ids=str,
)
@torch.no_grad()
def test_equals_the_equations(settings: dict, features: dict):
    graph = a_stream(**features)
    torch.manual_seed(0)
    model = TGN.from_graph(graph, **SMALL, **settings).eval()
    reference = Naive(model, graph)
    every = torch.arange(graph.num_nodes)
    for batch in graph.batches(size=17):
        got = model.score(batch.src, batch.dst, batch.t)
        rows = zip(batch.src.tolist(), batch.dst.tolist(), batch.t.tolist())
        expected = torch.tensor([reference.score(*row) for row in rows])
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
        model.observe(batch)
        reference.observe(batch)
        memory, last = model._updated_memory(every)
        for node in range(graph.num_nodes):
            now, when = reference.updated(node)
            torch.testing.assert_close(memory[node], now, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(model.memory[node], reference.stored(node))
            assert last[node].item() == when


@pytest.mark.parametrize("train", [True, False])
def test_memory_equals_pygs_where_pyg_is_right(train: bool):
    """Distinct times from 0 on, no self loops, and a cell that leaves zero on zero input."""
    from torch_geometric.nn.models.tgn import IdentityMessage, LastAggregator, TGNMemory

    class Last(LastAggregator):
        # Without torch-scatter PyG 2.8 hands a node without messages somebody else's message.
        def forward(self, msg: Tensor, index: Tensor, t: Tensor, dim_size: int) -> Tensor:
            some = torch.zeros(dim_size, dtype=torch.bool).index_fill(0, index, True)
            return super().forward(msg, index, t, dim_size).masked_fill(~some.unsqueeze(1), 0.0)

    draw = torch.Generator().manual_seed(1)
    num_nodes, num_events = 12, 160
    src = torch.randint(num_nodes, (num_events,), generator=draw)
    dst = (src + torch.randint(1, num_nodes, (num_events,), generator=draw)) % num_nodes
    feature = torch.randn(num_events, 3, generator=draw)
    graph = TemporalGraph(src, dst, torch.arange(num_events) * 2, edge_attr=feature)
    torch.manual_seed(0)
    ours = TGN.from_graph(graph, **SMALL, time_init="uniform").train(train)
    theirs = TGNMemory(num_nodes, 3, 6, 5, IdentityMessage(3, 6, 5), Last())
    theirs.reset_state()
    theirs.train()  # lazy, as ours in both modes
    with torch.no_grad():
        ours.cell.bias_ih.zero_()
        ours.cell.bias_hh.zero_()
        theirs.gru.load_state_dict(ours.cell.state_dict())
        theirs.time_enc.lin.weight.copy_(ours.time_encoder.weight.unsqueeze(1))
        theirs.time_enc.lin.bias.copy_(ours.time_encoder.bias)
        seen = torch.zeros(num_nodes, dtype=torch.bool)
        for batch in graph.batches(size=8):
            ours.observe(batch)
            theirs.update_state(batch.src, batch.dst, batch.t, batch.edge_attr)
            torch.testing.assert_close(ours.memory, theirs.memory)
            seen[batch.src] = seen[batch.dst] = True
            nodes = seen.nonzero().flatten()
            memory, last = ours._updated_memory(nodes)
            expected, when = theirs(nodes)
            torch.testing.assert_close(memory, expected)
            assert torch.equal(last, when)


@pytest.mark.parametrize("time_gap", ["query", "last_update"])
def test_nothing_is_computed_twice_whatever_the_number_of_candidates(time_gap: str):
    graph = a_stream(num_nodes=9)
    model = TGN.from_graph(graph, **SMALL, time_gap=time_gap)
    batch = next(iter(graph.batches(size=40)))
    model.observe(batch)
    rows = {}
    model.conv.register_forward_hook(lambda m, args, out: rows.update(embedded=out.size(0)))
    model.cell.register_forward_hook(lambda m, args, out: rows.update(updated=out.size(0)))
    model.score(batch.src, torch.arange(9).repeat(40, 6), batch.t)
    times = batch.t.unique().numel() if time_gap == "query" else 1
    assert rows == {"updated": 9, "embedded": 9 * times}


class _LargestOutput(TorchDispatchMode):
    """Largest tensor that an operation makes, views and in-place writes of the state apart."""

    def __init__(self, model: TGN):
        super().__init__()
        self.state = {b.untyped_storage().data_ptr() for b in model.buffers()}
        self.numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for value in tree_leaves(out):
            if isinstance(value, Tensor) and value.untyped_storage().data_ptr() not in self.state:
                self.numel = max(self.numel, value.numel())
        return out


@pytest.mark.parametrize("train", [True, False])
def test_a_batch_costs_the_same_for_a_hundred_nodes_and_for_a_million(train: bool):
    largest = []
    for num_nodes in (100, 1_000_000):
        graph = TemporalGraph(
            torch.arange(40) % 7, 90 + torch.arange(40) % 10, torch.arange(40), num_nodes=num_nodes
        )
        torch.manual_seed(0)
        model = TGN.from_graph(graph, **SMALL)
        with _LargestOutput(model) as watch:
            for batch in graph.batches(size=10):
                model.score(batch.src, batch.dst, batch.t).sum().backward()
                model.observe(batch)
                model.train(train)
        largest.append(watch.numel)
    assert largest[0] == largest[1]


def test_gradient_reaches_the_message_through_the_memory():
    graph = a_stream()
    model = TGN.from_graph(graph, **SMALL)
    batches = list(graph.batches(size=30))
    model.observe(batches[0])
    model.score(batches[1].src, batches[1].dst, batches[1].t).sum().backward()
    assert model.cell.weight_ih.grad.abs().sum() > 0  # one pending message is enough
    assert model.time_encoder.weight.grad.abs().sum() > 0


def test_learns_who_meets_whom():
    """Four regulars meet their own partner at every round; only the memory can tell."""
    rounds = 60
    src = torch.tensor([0, 1, 2, 3]).repeat(rounds)
    dst = torch.tensor([4, 5, 6, 7]).repeat(rounds)
    graph = TemporalGraph(src, dst, torch.arange(4 * rounds), num_nodes=8, edge_attr=F.one_hot(src))
    torch.manual_seed(0)
    model = TGN.from_graph(graph, **SMALL)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(3):
        model.reset_state()
        losses = []
        for batch in graph.batches(size=4):
            candidates = torch.stack([batch.dst, 4 + (batch.dst - 3) % 4], dim=1)
            logits = model.score(batch.src, candidates, batch.t)
            loss = F.softplus(logits[:, 1] - logits[:, 0]).mean()
            optimizer.zero_grad()
            loss.backward()
            model.observe(batch)
            optimizer.step()
            losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < 0.1


def test_options_are_checked():
    with pytest.raises(UnknownNameError, match="last"):
        TGN(4, aggregator="lost")
    with pytest.raises(UnknownNameError, match="gru"):
        TGN(4, memory_cell="lstm")
    with pytest.raises(UnknownNameError, match="query"):
        TGN(4, time_gap="now")
    with pytest.raises(GraphError, match="multiple of heads=3"):
        TGN(4, heads=3)


def test_a_table_of_features_is_refused():
    with pytest.raises(GraphError, match=r"'edge_attr'.*come with the event.*edge_dim"):
        TGN(4, edge_attr=torch.zeros(9, 2))


@pytest.mark.parametrize("settings", [{}, {"aggregator": "mean", "message_slots": 5}], ids=str)
@torch.no_grad()
def test_features_are_kept_while_something_refers_to_them(settings: dict):
    graph = a_stream(600, num_nodes=20)
    torch.manual_seed(0)
    model = TGN.from_graph(graph, **SMALL, **settings).eval()
    reference = Naive(model, graph)
    for batch in graph.batches(size=17):
        rows = zip(batch.src.tolist(), batch.dst.tolist(), batch.t.tolist())
        expected = torch.tensor([reference.score(*row) for row in rows])
        got = model.score(batch.src, batch.dst, batch.t)
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
        model.observe(batch)
        reference.observe(batch)
        model.features.compact()
    kept = {e for rows in reference.history.values() for *_, e in rows[-3:]}
    slots = model.messages.slots
    kept |= {e for rows in reference.pending.values() for *_, e in rows[-slots:]}
    assert model.features.number.tolist() == sorted(kept)


@pytest.mark.parametrize("time_gap", ["query", "last_update"])
@torch.no_grad()
def test_embeddings_are_what_a_score_reads(time_gap: str):
    graph = a_stream()
    torch.manual_seed(0)
    model = TGN.from_graph(graph, **SMALL, time_gap=time_gap).eval()
    reference = Naive(model, graph)
    for batch in graph.batches(size=40):
        model.observe(batch)
        reference.observe(batch)
    nodes, last = torch.tensor([3, 0, 7, 3]), int(graph.t[-1])
    for t in (None, last + torch.arange(4) * 90):
        now = [last] * 4 if t is None else t.tolist()
        expected = torch.stack([reference.embed(n, w) for n, w in zip(nodes.tolist(), now)])
        torch.testing.assert_close(model.embed(nodes, t), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(GraphError, match="0 <= id < 9"):
        model.embed(torch.tensor([9]))


def test_is_made_for_a_task():
    graph = a_stream(300, x_channels=2)
    model = TGN.from_task(LinkPrediction(graph), **SMALL)
    assert (model.num_nodes, model.edge_dim, model.num_nodes) == (9, 2, 9)
    assert torch.equal(model.x, graph.x)
    assert model.x.data_ptr() != graph.x.data_ptr()  # growing and loading write into it
