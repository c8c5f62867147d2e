"""HistoryLinkPredictor against dictionaries and loops."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit import TemporalGraph
from graphkit.encoders.sequence import GRU
from graphkit.errors import GraphError, UnknownNameError
from graphkit.models.stream.history import HistoryLinkPredictor
from graphkit.nn.stream import recency_bucket
from graphkit.tasks import LinkPrediction
from graphkit.testing import STREAM_CASES, STREAM_MODEL_CHECKS

SMALL = {"length": 6, "hidden_channels": 8, "time_channels": 5, "max_count": 3}
DYGFORMER = {"pairing": "joint", "pool": "mean", "patch_size": 2, "clock": "time", "ages": "cosine"}
GRAPHMIXER = {"pairing": "none", "pool": "mean", "clock": "time", "ages": "fixed_cosine"}


def a_stream(num_events=90, num_nodes=9, edge_channels=2, x_channels=0, start=2**40):
    draw = torch.Generator().manual_seed(5)
    src, dst = torch.randint(num_nodes, (2, num_events), generator=draw)
    dst[::13] = src[::13]
    t = torch.randint(0, 3, (num_events,), generator=draw).cumsum(0) + start
    features = {}
    if edge_channels:
        features["edge_attr"] = torch.randn(num_events, edge_channels, generator=draw)
    if x_channels:
        features["x"] = torch.randn(num_nodes, x_channels, generator=draw)
    return TemporalGraph(src, dst, t, num_nodes=num_nodes, **features)


class Naive:
    """One pair at a time; histories are lists of what happened, without padding."""

    def __init__(self, model: HistoryLinkPredictor, graph: TemporalGraph):
        self.m, self.graph = model, graph
        self.events = defaultdict(list)  # node: (other, t, event, sent)
        self.sent = defaultdict(list)  # node: (clock at which it was written, sent)
        self.p = {}
        self.clock = 0

    def observe(self, batch) -> None:
        rows = zip(*(c.tolist() for c in (batch.t, batch.event_id, batch.src, batch.dst)))
        self.clock = max(self.clock, int(batch.event_id.max()) + 1)
        for t, e, u, v in sorted(rows):
            for a, b, sent in {(u, v, True), (v, u, u == v)}:
                self.events[a].append((b, t, e, sent))
                self.sent[a].append((self.clock, sent))

    def history(self, node: int, t: int) -> list[tuple[int, float, int, int]]:
        """(neighbour, age, event, sent), then the node itself."""
        found = []
        for other, when, event, sent in self.events[node][-(self.m.length - 1) :]:
            age = t - when if self.m.history.by_time else self.clock - event
            found.append((other, age, event, int(sent)))
        return [*found, (node, 0, None, None)]

    def group(self, age: float, sent: int) -> int:
        tokens = self.m.tokens
        if tokens.num_ages == 1:
            return sent
        return sent * tokens.num_ages + int(recency_bucket(torch.tensor(age), tokens.tick))

    def positions(self, mine: list, theirs: list) -> Tensor:
        """``[l, C]``."""
        tokens, found = self.m.tokens, []
        own, other = [k for k, *_ in mine], [k for k, *_ in theirs]
        for key, age, event, sent in mine:
            count = min(own.count(key), tokens.max_count)
            h = tokens.table[tokens.own + 1 + count]
            if event is None:
                h = h + tokens.table[tokens.own]
            else:
                h = h + tokens.table[self.group(age, sent)]
                if tokens.lin_time is not None:
                    h = h + tokens.lin_time(tokens.time_encoder(torch.tensor(float(age))))
                if tokens.lin_edge is not None:
                    h = h + tokens.lin_edge(self.graph.tables.edge_attr[event])
            if tokens.lin_x is not None:
                h = h + tokens.lin_x(self.graph.x[key])
            if self.m.pairing in ("tokens", "joint"):
                h = h + tokens.other[min(other.count(key), tokens.max_count)]
            found.append(h)
        h = torch.stack(found)
        if self.m.patches is not None:
            size = self.m.patches.size
            h = torch.cat([h.new_zeros(-len(h) % size, h.size(1)), h])
            h = self.m.patches.lin(h.view(-1, size * h.size(1)))
        return h

    def pool(self, out: Tensor) -> Tensor:
        return out[-1] if self.m.pool == "last" else out.mean(0)

    def activity(self, node: int) -> Tensor:
        found = []
        for half_life in self.m.activity.half_lives:
            for kind in (False, True):
                weights = (
                    2 ** ((c - self.clock) / half_life) for c, s in self.sent[node] if s == kind
                )
                found.append(math.log1p(sum(weights)))
        return torch.tensor(found)

    def shared(self, side: int, mine: list, theirs: list) -> Tensor:
        known, total = [k for k, *_ in theirs], torch.zeros(self.m.shared.size(1))
        for key, age, _, sent in mine[:-1]:
            if key in known:
                met = int(key == theirs[-1][0])
                row = (side * 2 + met) * 2 * self.m.tokens.num_ages + self.group(age, sent)
                total = total + self.m.shared[row]
        return total

    def score(self, u: int, v: int, t: int) -> float:
        a, b = self.history(u, t), self.history(v, t)
        h_a, h_b = self.positions(a, b), self.positions(b, a)
        if self.m.pairing == "joint":
            out = self.m.encoder(torch.cat([h_a, h_b]).unsqueeze(0))[0]
            z_a, z_b = out[: len(h_a)].mean(0), out[len(h_a) :].mean(0)
        else:
            z_a, z_b = (self.pool(self.m.encoder(h.unsqueeze(0))[0]) for h in (h_a, h_b))
        if self.m.activity is not None:
            z_a, z_b = torch.cat([z_a, self.activity(u)]), torch.cat([z_b, self.activity(v)])
        left, right = self.m.node_lin(z_a), self.m.node_lin(z_b)
        hidden = left[: len(left) // 2] + right[len(right) // 2 :]
        if self.m.pairing == "head":
            hidden = hidden + self.shared(0, a, b) + self.shared(1, b, a)
        return self.m.score_lin(hidden.relu()).item()


@pytest.mark.parametrize(
    ("settings", "features"),
    [
        ({}, {}),
        ({"pairing": "tokens", "half_lives": ()}, {"edge_channels": 0, "x_channels": 3}),
        ({**DYGFORMER, "encoder": "transformer"}, {}),
        ({"clock": "time", "pool": "mean", "tick": 2.0}, {"edge_channels": 0}),
        ({**GRAPHMIXER, "encoder": "lstm", "num_layers": 2}, {"x_channels": 2}),
    ],
    ids=str,
)
@torch.no_grad()
def test_equals_dictionaries_and_loops(settings, features):
    graph = a_stream(**features)
    torch.manual_seed(0)
    model = HistoryLinkPredictor.from_graph(graph, **{**SMALL, **settings}).eval()
    reference = Naive(model, graph)
    for batch in graph.batches(size=17):
        candidates = torch.stack([batch.dst, (batch.dst + 4) % 9], 1)
        got = model.score(batch.src, candidates, batch.t)
        want = [
            [reference.score(u, v, t) for v in row]
            for u, row, t in zip(batch.src.tolist(), candidates.tolist(), batch.t.tolist())
        ]
        torch.testing.assert_close(got, torch.tensor(want), rtol=1e-4, atol=1e-5)
        model.observe(batch)
        reference.observe(batch)


@pytest.mark.parametrize(
    "settings", [{}, {"clock": "time"}, {"pairing": "tokens", "encoder": "mixer"}], ids=str
)
@pytest.mark.parametrize("table", ["one", "of its own"])
@torch.no_grad()
def test_with_earlier_events_the_batch_size_does_not_matter(settings, table):
    graph = a_stream()
    torch.manual_seed(0)
    model = HistoryLinkPredictor.from_graph(graph, **{**SMALL, **settings, "half_lives": ()}).eval()
    for batch in graph[:30].batches(size=15):
        model.observe(batch)
    whole = next(iter(graph[30:70].batches(size=40)))
    if table == "of its own":  # event ids begin at 0 again
        whole = replace(whole, event_id=whole.event_id - 30)
    candidates = torch.stack([whole.dst, (whole.dst + 4) % 9], 1)
    got = model.score(whole.src, candidates, whole.t, earlier=whole)
    stale = model.score(whole.src, candidates, whole.t)
    assert not torch.allclose(got, stale)
    for when in whole.t.unique():
        now = (whole.t == when).nonzero().flatten()
        want = model.score(whole.src[now], candidates[now], whole.t[now])
        torch.testing.assert_close(got[now], want, rtol=1e-4, atol=1e-5)
        model.observe(whole[now])


@torch.no_grad()
def test_events_at_or_after_the_query_are_not_seen():
    graph = a_stream()
    model = HistoryLinkPredictor.from_graph(graph, **SMALL).eval()
    batch = next(iter(graph.batches(size=60)))
    query = (batch.src[:40], batch.dst[:40], batch.t[:40])
    want = model.score(*query, earlier=batch)
    other = batch[batch.t < batch.t[39]]
    assert len(other) < 40
    assert torch.equal(want, model.score(*query, earlier=other))


@pytest.mark.parametrize("settings", [{"walk_hops": 2, "walk_channels": 8}, DYGFORMER], ids=str)
@pytest.mark.parametrize("check", STREAM_MODEL_CHECKS)
def test_options_keep_the_promises(settings, check):
    def factory(graph):
        return HistoryLinkPredictor.from_graph(graph, **{**SMALL, **settings})

    STREAM_MODEL_CHECKS[check](factory, STREAM_CASES["features"])


@torch.no_grad()
def test_walks_tell_who_has_met():
    graph = TemporalGraph([0, 1, 2], [3, 3, 4], [1, 2, 3], num_nodes=5)
    torch.manual_seed(0)
    settings = {"pairing": "none", "half_lives": (), "walk_hops": 1, "walk_channels": 512}
    model = HistoryLinkPredictor.from_graph(graph, **SMALL, **settings).eval()
    model.observe(next(iter(graph.batches(size=3))))
    walks = model.walks(torch.arange(5), model.stream_clock.num_events)
    seen = {}
    model.walk_lin.register_forward_hook(lambda m, args, out: seen.update(x=args[0]))
    model.score(torch.tensor([0, 0, 0]), torch.tensor([3, 1, 4]), torch.tensor([9, 9, 9]))
    products = torch.einsum("prd,psd->prs", walks[[0, 0, 0]], walks[[3, 1, 4]]).relu().log1p()
    torch.testing.assert_close(seen["x"], products.flatten(1))
    first = seen["x"].view(3, 3, 3)
    assert first[0, 0, 1] > 0.5  # 0 and 3 have met
    assert first[1, 0, 1] < 0.3
    assert first[1, 1, 1] > 0.5  # 0 and 1 share 3
    assert first[2, 1, 1] < 0.3


def rows_encoded(model):
    """A list that gets the number of rows of every call of the encoder."""
    rows, last = [], model.encoder.last
    model.encoder.last = lambda x, **given: (rows.append(len(x)), last(x, **given))[1]
    return rows


def test_every_node_is_encoded_once_whatever_the_number_of_candidates():
    graph = a_stream(num_nodes=9)
    model = HistoryLinkPredictor.from_graph(graph, **SMALL)
    batch = next(iter(graph.batches(size=40)))
    model.observe(batch)
    rows = rows_encoded(model)
    model.score(batch.src, torch.arange(9).repeat(40, 6), batch.t)
    assert rows == [9]


@torch.no_grad()
def test_nodes_without_events_are_encoded_once_for_all():
    graph = a_stream(num_nodes=9)
    model = HistoryLinkPredictor(40, **SMALL).eval()
    model.observe(next(iter(graph.batches(size=60))))
    rows = rows_encoded(model)
    src, t = torch.arange(5), graph.t[:5]
    dst = torch.tensor([[7, 20], [30, 8], [21, 22], [3, 39], [1, 38]])
    found = model.score(src, dst, t)
    alone = torch.stack([model.score(src, dst[:, c], t) for c in range(2)], 1)
    torch.testing.assert_close(found, alone)
    assert rows[0] == len({*range(5), 7, 8}) + 1


def test_an_encoder_by_name_by_class_or_made():
    made = GRU(8)
    assert HistoryLinkPredictor(4, encoder=made, hidden_channels=8).encoder is made
    assert isinstance(HistoryLinkPredictor(4, encoder=GRU).encoder, GRU)
    assert HistoryLinkPredictor(4, encoder="mixer", length=9).encoder.length == 9
    two = HistoryLinkPredictor(4, encoder="gru", num_layers=2).encoder
    assert two.num_layers == 2
    settings = {"encoder": "transformer", "encoder_settings": {"heads": 2}}
    assert HistoryLinkPredictor(4, **settings).encoder.layers[1].heads == 2


def test_learns_who_meets_whom():
    """Four regulars meet their own partner at every round."""
    rounds = 40
    src = torch.tensor([0, 1, 2, 3]).repeat(rounds)
    dst = torch.tensor([4, 5, 6, 7]).repeat(rounds)
    graph = TemporalGraph(src, dst, torch.arange(4 * rounds), num_nodes=8)
    torch.manual_seed(0)
    model = HistoryLinkPredictor.from_graph(graph, **SMALL)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
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


@torch.no_grad()
def test_features_are_kept_while_something_refers_to_them():
    graph = a_stream(600, num_nodes=20)
    torch.manual_seed(0)
    model, thrifty = (HistoryLinkPredictor.from_graph(graph, **SMALL).eval() for _ in "ab")
    thrifty.load_state_dict(model.state_dict())
    for batch in graph.batches(size=17):
        scores = [m.score(batch.src, batch.dst, batch.t, batch) for m in (model, thrifty)]
        assert torch.equal(*scores)
        model.observe(batch)
        thrifty.observe(batch)
        thrifty.features.compact()
    reference = Naive(model, graph)
    reference.observe(next(iter(graph.batches(size=600))))
    kept = {e for rows in reference.events.values() for _, _, e, _ in rows[-5:]}
    assert thrifty.features.number.tolist() == sorted(kept)
    assert len(model.features) == 600


@pytest.mark.parametrize("settings", [{}, GRAPHMIXER], ids=str)
@torch.no_grad()
def test_embeddings_are_what_a_score_reads(settings):
    graph = a_stream()
    torch.manual_seed(0)
    model = HistoryLinkPredictor.from_graph(graph, **{**SMALL, **settings}).eval()
    reference = Naive(model, graph)
    for batch in graph.batches(size=40):
        model.observe(batch)
        reference.observe(batch)
    nodes, last = torch.tensor([3, 0, 7, 3]), int(graph.t[-1])
    for t in (None, last + torch.arange(4) * 90):
        now = [last] * 4 if t is None else t.tolist()
        expected = []
        for node, when in zip(nodes.tolist(), now):
            h = reference.positions(reference.history(node, when), [])
            expected.append(reference.pool(model.encoder(h.unsqueeze(0))[0]))
        torch.testing.assert_close(model.embed(nodes, t), torch.stack(expected))
    with pytest.raises(GraphError, match="0 <= id < 9"):
        model.embed(torch.tensor([9]))
    pairs = HistoryLinkPredictor.from_graph(graph, **SMALL, pairing="tokens")
    with pytest.raises(GraphError, match="reads both nodes"):
        pairs.embed(nodes)


def test_is_made_for_a_task():
    model = HistoryLinkPredictor.from_task(LinkPrediction(a_stream(300)), **SMALL)
    assert (model.num_nodes, model.edge_dim, model.length) == (9, 2, 6)
    with pytest.raises(GraphError, match=r"'edge_attr'.*come with the event.*edge_dim"):
        HistoryLinkPredictor(4, edge_attr=torch.zeros(9, 2))


def test_options_are_checked():
    with pytest.raises(UnknownNameError, match="tokens"):
        HistoryLinkPredictor(4, pairing="token")
    with pytest.raises(UnknownNameError, match="mean"):
        HistoryLinkPredictor(4, pool="max")
    with pytest.raises(UnknownNameError, match="gru"):
        HistoryLinkPredictor(4, encoder="grru")
    with pytest.raises(GraphError, match="'length': is too small"):
        HistoryLinkPredictor(4, length=1)
    with pytest.raises(GraphError, match="'mean' with pairing='joint'"):
        HistoryLinkPredictor(4, pairing="joint")
    assert "pairing='head'" in str(HistoryLinkPredictor(4, **SMALL))
