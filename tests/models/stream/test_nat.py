"""NAT against a naive forward pass on dictionaries, on both of its paths.

Where each pitfall of the authors' code (P1 to P18) is covered:

==== =========================================== ==================================================
P1   attention switched off                      test_joint_readout: attention equals a softmax by
                                                 loops; here: test_equals_the_naive_forward_pass
P2   hash collapses for even seeds               test_n_cache: slots are used evenly for every seed
P3   edge features zeroed                        test_edge_features_are_read
P4   ids and times in float32                    test_n_cache: ids above 2**24, digits of times;
                                                 here: test_times_are_differences_of_exact_times
P5   time 0 means no history                     test_an_event_0_at_time_0_is_history
P6   duplicate writes undefined                  test_n_cache: equals dictionaries (shuffled);
                                                 here: test_the_latest_event_speaks_for_a_node
P7   rejected writes land in row 0               test_n_cache: insertion rule;
                                                 here: test_nodes_without_events_stay_empty
P8   replace_prob=0 stores nothing               test_n_cache: insertion rule
P9   hop-2 events applied twice, own hop 2       test_equals_the_naive_forward_pass, both flags
P10  partner's self vector as of the read        on purpose, as the authors: the naive pass does so
P11  same negatives every epoch                  tests/sampling/test_negatives.py, tests/engine
P12  metrics averaged over small batches         tests/metrics/test_binary.py (both, by name)
P13  inductive test with stale caches            tests/engine/test_fit.py, inductive replay
P14  the last model is tested, not the best      tests/engine/test_fit.py, keeps the best epoch
P15  last edge dropped                           tests/data/test_splits.py; every event is observed:
                                                 test_every_event_is_observed
P16  features summed over duplicate keys         once per entry (module docstring); the naive pass
P17  readout as wide as the node features        test_the_readout_has_a_width_of_its_own
P18  state outside state_dict                    STREAM_MODEL_CHECKS "state_dict", "deepcopy"
==== =========================================== ==================================================
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import io
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import graphkit.models.stream.nat as nat_module
import graphkit.nn.stream.joint_readout as readout_module
import graphkit.nn.stream.n_cache as cache_module
from graphkit import TemporalGraph
from graphkit.data import EventBatch
from graphkit.errors import GraphError, UnknownNameError
from graphkit.models.stream.nat import NAT
from graphkit.nn.caching.unchanged import tensors_unchanged
from graphkit.registry import get
from graphkit.testing import STREAM_CASES, STREAM_MODEL_CHECKS

_path = Path(__file__).parents[2] / "nn" / "stream" / "naive_nat.py"
_spec = importlib.util.spec_from_file_location("naive_nat", _path)
naive = sys.modules["naive_nat"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(naive)

SMALL = {"num_slots": (8, 4), "self_channels": 6, "hidden_channels": 8, "neighbor_channels": 3}


@contextlib.contextmanager
def torch_path() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (nat_module, readout_module, cache_module):
            patch.setattr(module, "use_compiled", lambda *tensors: False)
        yield


@pytest.fixture(params=["compiled", "torch"])
def path(request: pytest.FixtureRequest) -> Iterator[str]:
    with torch_path() if request.param == "torch" else contextlib.nullcontext():
        yield request.param


def a_stream(
    num_events: int = 90,
    num_nodes: int = 11,
    edge_channels: int = 0,
    x_channels: int = 0,
    time_dtype: torch.dtype = torch.int64,
    start: int = 2**40,
) -> TemporalGraph:
    """Hubs, repeats and self loops; node ``num_nodes - 1`` stays alone."""
    draw = torch.Generator().manual_seed(5)
    ends = torch.randint(num_nodes - 1, (2, num_events), generator=draw)
    hub = torch.rand(2, num_events, generator=draw) < 0.3
    src, dst = torch.where(hub, ends % 2, ends)
    dst[::13] = src[::13]
    t = torch.randint(0, 40, (num_events,), generator=draw).cumsum(0) + start
    features = {}
    if edge_channels:
        features["edge_attr"] = torch.randn(num_events, edge_channels, generator=draw)
    if x_channels:
        features["x"] = torch.randn(num_nodes, x_channels, generator=draw)
    return TemporalGraph(src, dst, t.to(time_dtype), num_nodes=num_nodes, **features)


def a_model(graph: TemporalGraph, **settings) -> NAT:
    torch.manual_seed(0)
    return NAT.from_graph(graph, **{**SMALL, **settings}).eval()


def state_of(model: NAT) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_same(a: dict[str, Tensor], b: dict[str, Tensor], tolerance: float = 0.0) -> None:
    for name, value in a.items():
        if value.is_floating_point() and tolerance:
            torch.testing.assert_close(value, b[name], rtol=tolerance, atol=tolerance)
        else:
            assert torch.equal(value, b[name]), name


def events(batch: EventBatch) -> list[naive.Event]:
    columns = (batch.src, batch.dst, batch.event_id, batch.t)
    return [naive.Event(*e) for e in zip(*(c.tolist() for c in columns))]


# ------------------------------------------------------------------ the naive pass
FORWARD = [
    {},
    {"directed": False, "counts": False, "half_lives": ()},
    {"hop2_pending": True, "allow_self": True},
    {"num_slots": (4, 0), "replace_prob": 0.5},
    {"num_slots": (8, 5), "replace_prob": 0.5, "seed": 7},
    {"readout": "code"},
    {"readout": "attention"},
    {"clock": "time"},
    {"clock": "time", "replace_prob": 0.5, "tick": 60.0, "hop2_pending": True},
    {"clock": "time", "readout": "attention", "num_slots": (4, 8)},
    {"clock": "absolute", "time_channels": 3},
    {"clock": "absolute", "readout": "code", "hop2_pending": True, "allow_self": True},
]


@pytest.mark.parametrize(
    ("settings", "features"),
    [({}, ""), *itertools.product(FORWARD, ["edge", "edge, node"])],
    ids=str,
)
def test_equals_the_naive_forward_pass(path: str, settings: dict, features: str):
    """Scores of many candidates, and the state, after batches of several sizes, shuffled."""
    graph = a_stream(
        edge_channels=2 * ("edge" in features),
        x_channels=5 * ("node" in features),
        # Float32 cosines of absolute times of today would compare noise with noise.
        start=1 if settings.get("clock") == "absolute" else 2**40,
    )
    model = a_model(graph, **settings)
    truth = naive.NaiveNAT(model, graph.edge_attr)
    start = 0
    for size in (1, 2, 17, 40, 20, 1):
        batch = graph[start : start + size].batches(size=size)[0]
        start += size
        batch = batch[torch.randperm(size)]
        asked = slice(0, 3)
        dst = torch.cat([batch.dst[asked, None], torch.randint(graph.num_nodes, (3, 3))[:size]], 1)
        with torch.no_grad():
            got = model.score(batch.src[asked], dst, batch.t[asked])
        expected = torch.tensor(
            [
                [truth.score(u, v, t) for v in row]
                for u, row, t in zip(batch.src.tolist(), dst.tolist(), batch.t.tolist())
            ]
        )
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=2e-5)
        with torch.no_grad():
            model.score(batch.src, batch.dst, batch.t)  # as in training: observed as scored
        model.observe(batch)
        truth.observe(events(batch))
    vectors = [truth.stored(n) for n in range(graph.num_nodes)]
    torch.testing.assert_close(model.self_vector, torch.stack(vectors), rtol=1e-4, atol=1e-5)
    cache = model.cache
    for k, owners in enumerate(truth.cache.hop):
        for owner, table in owners.items():
            for key, entry in table.items():
                column = truth.cache.slot(k, key) + (0, 1, 1 + cache.num_slots[0])[k]
                assert cache.key[owner, column] == key
                assert cache.stamp[owner, column] == 2 * entry.event + entry.side
                assert cache.time is None or cache.time[owner, column] == entry.t
                torch.testing.assert_close(
                    cache.vector[owner, :, column], entry.vector, rtol=1e-4, atol=1e-5
                )
    held = sum(len(table) for owners in truth.cache.hop for table in owners.values())
    assert int((cache.key >= 0).sum()) == held


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"readout": "code"},
        {"hop2_pending": True, "directed": False},
        {"num_slots": (4, 0), "replace_prob": 0.5},
        {"num_slots": (8, 5), "counts": False},
    ],
    ids=str,
)
def test_both_paths_train_alike(settings: dict):
    """Scores, gradients and states of the compiled path and of the torch path."""
    graph = a_stream(edge_channels=2)
    a = a_model(graph, dropout=0.0, **settings).train()
    b = copy.deepcopy(a)
    first, second = (torch.optim.SGD(m.parameters(), lr=0.05) for m in (a, b))
    negative = torch.randint(graph.num_nodes, (graph.num_events, 2))
    for batch in graph.batches(size=15):
        dst = torch.cat([batch.dst.unsqueeze(1), negative[batch.event_id]], dim=1)
        outs = []
        for model, optimizer in ((a, first), (b, second)):
            with torch_path() if model is b else contextlib.nullcontext():
                out = model.score(batch.src, dst, batch.t)
                optimizer.zero_grad()
                out.square().mean().backward()
                model.observe(batch)
            outs.append(out)
        torch.testing.assert_close(*outs, rtol=1e-4, atol=1e-5)
        for (name, p), q in zip(a.named_parameters(), b.parameters()):
            torch.testing.assert_close(
                p.grad, q.grad, rtol=1e-3, atol=1e-5, msg=lambda m, name=name: f"{name}: {m}"
            )
        assert_same(state_of(a), state_of(b), 1e-4)
        first.step()
        second.step()


@pytest.mark.parametrize("clock", ["events", "time", "absolute"])
def test_gradients_equal_finite_differences(clock: str):
    """Through both GRUs, the join and the head, in double precision."""
    graph = a_stream(40, 7, edge_channels=1, start=0)
    model = a_model(graph, clock=clock, num_slots=(4, 2), self_channels=2, hidden_channels=3)
    model = model.double()
    batches = list(graph.batches(size=10))
    for batch in batches[:3]:
        model.observe(batch)
    batch = batches[3]

    def loss() -> Tensor:
        return model.score(batch.src, batch.dst, batch.t).square().sum()

    loss().backward()
    for name, p in model.named_parameters():
        flat, grad = p.data.view(-1), p.grad.view(-1)
        at = int(grad.abs().argmax())
        values = []
        for step in (1e-6, -1e-6):
            flat[at] += step
            values.append(loss().item())
            flat[at] -= step
        slope = (values[0] - values[1]) / 2e-6
        assert float(grad[at]) == pytest.approx(slope, rel=1e-4, abs=1e-7), name


# ------------------------------------------------------------------ promises of a stream model
@pytest.mark.parametrize(
    "settings",
    [
        {"clock": "time"},
        {"clock": "absolute", "time_channels": 4, "num_slots": (8, 0)},
        {"readout": "code", "num_slots": (8, 5), "directed": False},
        {"readout": "attention", "clock": "time", "hop2_pending": True, "allow_self": True},
        {"replace_prob": 0.5, "counts": False, "half_lives": (), "num_slots": (4, 8)},
    ],
    ids=str,
)
@pytest.mark.parametrize("check", STREAM_MODEL_CHECKS)
def test_stream_model_options(check: str, settings: dict):
    def factory(graph):
        return NAT.from_graph(graph, **{**SMALL, **settings})

    STREAM_MODEL_CHECKS[check](factory, STREAM_CASES["features"])


@pytest.mark.parametrize("case", STREAM_CASES)
@pytest.mark.parametrize("check", STREAM_MODEL_CHECKS)
def test_stream_model_on_the_torch_path(check: str, case: str):
    with torch_path():
        STREAM_MODEL_CHECKS[check](lambda g: NAT.from_graph(g, **SMALL), STREAM_CASES[case])


def test_is_registered():
    assert get("model", "nat") is NAT


# ------------------------------------------------------------------ what is written, and when
def test_scores_of_a_query_do_not_know_the_batch(path: str):
    """Whatever else is asked, and whether or not the event is about to happen."""
    graph = a_stream()
    model = a_model(graph)
    first, batch = graph.batches(size=45)
    model.observe(first)
    with torch.no_grad():
        together = model.score(batch.src, batch.dst, batch.t)
        for i in range(0, 45, 9):
            row = slice(i, i + 1)
            alone = model.score(batch.src[row], batch.dst[row], batch.t[row])
            torch.testing.assert_close(alone, together[row], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("clock", ["events", "time"])
def test_negatives_leave_no_trace(path: str, clock: str):
    graph = a_stream()
    asked, silent = a_model(graph, clock=clock), a_model(graph, clock=clock)
    for batch in graph.batches(size=20):
        with torch.no_grad():
            dst = torch.randint(graph.num_nodes, (len(batch), 4))
            asked.score(batch.src, torch.cat([batch.dst.unsqueeze(1), dst], 1), batch.t)
        asked.observe(batch)
        silent.observe(batch)
        assert_same(state_of(asked), state_of(silent), 1e-5)


@pytest.mark.parametrize("clock", ["events", "time", "absolute"])
def test_observing_what_was_scored_is_observing(path: str, clock: str):
    """``observe`` may use what ``score`` has read, but only if it still holds."""
    graph = a_stream(start=0)
    model = a_model(graph, clock=clock).train()
    first, second, third = graph.batches(size=30)
    model.observe(first)

    def fresh() -> NAT:
        return copy.deepcopy(model)

    expected = fresh()
    expected.observe(second)
    expected = state_of(expected)
    # scored, scored with candidates, scored otherwise
    for dst in (second.dst, second.dst.unsqueeze(1).expand(-1, 3).contiguous(), third.dst):
        other = fresh()
        other.score(second.src, dst, second.t)
        other.observe(second)
        assert_same(expected, state_of(other), 1e-6)
    # other events in the same memory
    other = fresh()
    memory = EventBatch(*(x.clone() for x in (third.src, third.dst, third.t, third.event_id)))
    other.score(memory.src, memory.dst, memory.t)
    for name in ("src", "dst", "t", "event_id"):
        getattr(memory, name).copy_(getattr(second, name))
    other.observe(memory)
    assert_same(expected, state_of(other), 1e-6)
    # other parameters, other times, a state in between
    other, plain = fresh(), fresh()
    for m in (other, plain):
        if m is other:
            m.score(second.src, second.dst, second.t)
        with torch.no_grad():
            for p in m.parameters():
                p.mul_(1.5)
        m.observe(second)
    assert_same(state_of(plain), state_of(other), 1e-6)
    late = EventBatch(second.src, second.dst, second.t + 900, second.event_id)
    other, plain = fresh(), fresh()
    other.score(second.src, second.dst, second.t)
    for m in (other, plain):
        m.observe(late)
    assert_same(state_of(plain), state_of(other), 1e-6)
    other, plain = fresh(), fresh()
    other.observe(second)
    other.score(third.src, third.dst, third.t)
    other.reset_state()
    plain.reset_state()
    for m in (other, plain):
        m.observe(third)
    assert_same(state_of(plain), state_of(other), 1e-6)


def test_copies_and_pickles_after_scoring(path: str):
    graph = a_stream(edge_channels=2)
    model = a_model(graph).train()
    batch, later, _ = graph.batches(size=30)
    model.observe(batch)
    model.score(batch.src, batch.dst, batch.t)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    for other in (copy.deepcopy(model), torch.load(file, weights_only=False)):
        assert_same(state_of(model), state_of(other))
        assert other.features is None or other.features._referred.__self__ is other
        other.observe(later)
        with torch.no_grad():
            assert bool(other.score(batch.src, batch.dst, batch.t).isfinite().all())


def test_inference_mode(path: str):
    graph = a_stream()
    model, plain = a_model(graph), a_model(graph)
    for batch in graph.batches(size=30):
        with torch.inference_mode():
            got = model.score(batch.src, batch.dst, batch.t)
            model.observe(batch)
        with torch.no_grad():
            assert torch.equal(got, plain.score(batch.src, batch.dst, batch.t))
        plain.observe(batch)
    model.train().score(batch.src, batch.dst, batch.t).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_backward_after_observe_is_an_error_not_a_wrong_gradient(path: str):
    graph = a_stream()
    model = a_model(graph).train()
    first, second, _ = graph.batches(size=30)
    model.observe(first)
    loss = model.score(second.src, second.dst, second.t).sum()
    model.observe(second)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_the_latest_event_speaks_for_a_node(path: str):
    """Node 0 meets four others in one batch, listed in any order."""
    others = torch.tensor([1, 2, 3, 4])
    for clock in ("events", "time"):
        for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
            model = NAT(9, clock=clock, **SMALL)
            at = torch.tensor(order)
            batch = EventBatch(torch.zeros(4, dtype=torch.int64), others, others * 7, others - 1)
            model.observe(batch[at])
            assert model.cache.partner[0] == 4
            assert model.cache.stamp[0, 0] == 6
            assert model.cache.time is None or model.cache.time[0, 0] == 28
            assert model.cache.num_superseded == 3


def test_every_event_is_observed(path: str):
    graph = a_stream(77)
    model = a_model(graph, num_slots=(16, 0))
    for batch in graph.batches(size=10):
        model.observe(batch)
    assert model.cache.clock == 77
    last = int(graph.src[-1])
    assert model.cache.stamp[last, 0] >> 1 == 76


def test_nodes_without_events_stay_empty(path: str):
    """Also the isolated node that is asked about all the time, and node 0 if it is alone."""
    graph = a_stream(60, 12)
    shifted = TemporalGraph(graph.src + 1, graph.dst + 1, graph.t, num_nodes=14)
    model = a_model(shifted, replace_prob=0.5).train()
    alone = torch.tensor([0, 12, 13])
    for batch in shifted.batches(size=20):
        dst = torch.cat([batch.dst.unsqueeze(1), alone.expand(len(batch), -1)], dim=1)
        out = model.score(batch.src, dst, batch.t)
        assert bool(out.isfinite().all())
        model.zero_grad()
        out.square().mean().backward()
        assert all(bool(p.grad.isfinite().all()) for p in model.parameters())
        model.observe(batch)
    assert bool((model.cache.key[alone] == -1).all())
    assert bool((model.cache.partner[alone] == -1).all())
    for table in (model.cache.stamp, model.cache.vector, model.cache.activity, model.self_vector):
        assert not bool(table[alone].any())
    with torch.no_grad():
        both_new = model.score(alone, alone.flip(0), torch.tensor([0, 0, 2**50]))
    assert bool(both_new.isfinite().all())


@pytest.mark.parametrize("clock", ["events", "time", "absolute"])
def test_an_event_0_at_time_0_is_history(path: str, clock: str):
    model = a_model(a_stream(), clock=clock)
    zero, one = torch.tensor([0]), torch.tensor([1])
    with torch.no_grad():
        before = model.score(zero, one, one)
        model.observe(EventBatch(zero, one, zero, zero))
        assert model.cache.partner[0] == 1
        assert model.score(zero, one, one) != before
        second = EventBatch(zero, one, zero, one)
        model.observe(second)
    assert bool(model.self_vector[:2].any())
    assert not bool(model.self_vector[2:].any())


# ------------------------------------------------------------------ what scores depend on
@pytest.mark.parametrize("settings", [{}, {"readout": "code"}, {"clock": "time"}], ids=str)
def test_edge_features_are_read(path: str, settings: dict):
    graph = a_stream(edge_channels=3)
    changed = graph.edge_attr.clone()
    changed[20] += 1
    other = TemporalGraph(
        graph.src, graph.dst, graph.t, edge_attr=changed, num_nodes=graph.num_nodes
    )
    a, b = a_model(graph, **settings), a_model(other, **settings)
    second = graph.batches(size=20)[1]
    u, v = int(graph.src[20]), int(graph.dst[20])
    u, v, t = torch.tensor([u]), torch.tensor([v]), second.t[-1:]
    with torch.no_grad():
        for x, y in zip(graph.batches(size=20), other.batches(size=20)):
            before = a.score(u, v, t), b.score(u, v, t)
            a.observe(x)
            b.observe(y)
            if int(x.event_id[0]) == 20:
                break
            assert torch.equal(*before), "an event's features show before the event"
        assert a.score(u, v, t) != b.score(u, v, t)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64])
@pytest.mark.parametrize("clock", ["events", "time"])
def test_times_are_differences_of_exact_times(path: str, clock: str, dtype: torch.dtype):
    """Today's times in ticks of a microsecond give the scores of times that begin at 0."""
    scores = []
    for start in (0, 2**50):  # float64 tells these apart, float32 by 2**26 at best
        graph = a_stream(start=start, time_dtype=dtype)
        model = a_model(graph, clock=clock, tick=1.0)
        out = []
        for batch in graph.batches(size=20):
            with torch.no_grad():
                out.append(model.score(batch.src, batch.dst, batch.t))
            model.observe(batch)
        scores.append(torch.cat(out))
    assert torch.equal(*scores)


def test_more_than_two_to_the_31_events(path: str):
    graph = a_stream()
    scores = []
    for shift in (0, 2**40):
        model = a_model(graph)
        model.cache.clock.fill_(shift)
        model.stream_clock.num_events.fill_(shift)
        out = []
        for b in graph.batches(size=20):
            with torch.no_grad():
                out.append(model.score(b.src, b.dst, b.t))
            model.observe(b)
        assert model.cache.clock == shift + len(graph)
        scores.append(torch.cat(out))
    torch.testing.assert_close(*scores)


def test_query_time_counts_with_a_clock_of_time_only(path: str):
    graph = a_stream()
    for clock, differs in (("events", False), ("time", True), ("absolute", False)):
        model = a_model(graph, clock=clock)
        batch = graph.batches(size=60)[0]
        model.observe(batch)
        with torch.no_grad():
            now = model.score(batch.src, batch.dst, batch.t + 10**4)
            later = model.score(batch.src, batch.dst, batch.t + 10**6)
        assert torch.equal(now, later) is not differs


@pytest.mark.parametrize("clock", ["events", "time"])
def test_relabelling_the_nodes_changes_nothing(path: str, clock: str):
    """With slots that follow the labels; as many in hop 2 as in hop 1, so that no two keys of one
    offer meet (of those the larger id wins)."""
    graph = a_stream()
    label = torch.randperm(graph.num_nodes)
    other = TemporalGraph(label[graph.src], label[graph.dst], graph.t, num_nodes=graph.num_nodes)
    a, b = (a_model(g, clock=clock, num_slots=(4, 4), replace_prob=1.0) for g in (graph, other))
    b.cache.slot1[label] = a.cache.slot1.clone()
    for x, y in zip(graph.batches(size=15), other.batches(size=15)):
        with torch.no_grad():
            dst = torch.randint(graph.num_nodes, (len(x), 3))
            torch.testing.assert_close(
                a.score(x.src, dst, x.t), b.score(y.src, label[dst], y.t), rtol=1e-5, atol=1e-6
            )
        a.observe(x)
        b.observe(y)
    torch.testing.assert_close(b.self_vector[label], a.self_vector, rtol=1e-5, atol=1e-6)


def test_the_readout_has_a_width_of_its_own():
    graph = a_stream(x_channels=1)
    model = a_model(graph, hidden_channels=20)
    assert model.score_lin.in_features == 20
    graph = a_stream(x_channels=50)
    assert a_model(graph, hidden_channels=20).score_lin.in_features == 20


def test_defaults_follow_the_graph():
    graph = a_stream(time_dtype=torch.float64)
    assert NAT.from_graph(graph, clock="time", **SMALL).cache.time.dtype == torch.float64
    assert NAT.from_graph(graph, **SMALL).tick == 1.0
    steps = TemporalGraph(graph.src, graph.dst, graph.t, time_unit="step")
    assert NAT.from_graph(steps, **SMALL).tick == 1.0
    fine = TemporalGraph(graph.src, graph.dst, graph.t, time_unit="ms")
    assert NAT.from_graph(fine, **SMALL).tick == 1000.0


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("readout", ["recency", "code", "attention"])
def test_other_precisions(readout: str, dtype: torch.dtype):
    graph = a_stream(edge_channels=2, x_channels=2)
    model, plain = a_model(graph, readout=readout).to(dtype), a_model(graph, readout=readout)
    for batch in graph.batches(size=30):
        with torch.no_grad():
            got = model.score(batch.src, batch.dst, batch.t)
            expected = plain.score(batch.src, batch.dst, batch.t)
        assert got.dtype == dtype
        close = 1e-5 if dtype == torch.float64 else 0.25
        torch.testing.assert_close(got.float(), expected, rtol=close, atol=close)
        model.observe(batch)
        plain.observe(batch)
    assert torch.equal(model.cache.key, plain.cache.key)
    assert torch.equal(model.cache.stamp, plain.cache.stamp)


def test_gpu_state_equals_cpu_state(cuda: torch.device):
    for clock in ("events", "time"):
        graph = a_stream(edge_channels=2)
        here = a_model(graph, clock=clock, replace_prob=0.5)
        there = copy.deepcopy(here).to(cuda)
        for batch in graph.batches(size=15):
            there.observe(batch.to(cuda))
            here.observe(batch)
            for name in ("key", "stamp", "partner", "count", "clock", "num_superseded"):
                assert torch.equal(getattr(here.cache, name), getattr(there.cache, name).cpu())
            assert_same(state_of(here), {k: v.cpu() for k, v in state_of(there).items()}, 1e-5)


# ------------------------------------------------------------------ it learns what it is for
def _triads(num: int, generator: torch.Generator) -> tuple[EventBatch, Tensor, Tensor]:
    """u-a, v-a, w-b on fresh nodes, in any order and direction; asked: u with v and with w."""
    u, v, w, a, b = torch.randperm(5 * num, generator=generator).view(5, num)
    src, dst = torch.cat([u, v, w]), torch.cat([a, a, b])
    turn = torch.rand(3 * num, generator=generator) < 0.5
    order = torch.randperm(3 * num, generator=generator)
    src, dst = torch.where(turn, src, dst)[order], torch.where(turn, dst, src)[order]
    at = torch.arange(3 * num)
    return EventBatch(src, dst, at * 10, at), u, torch.stack([v, w], dim=1)


class _Nothing(nn.Module):
    def forward(self, view):
        return view.vector_sum.new_zeros(view.u.numel(), 16)


@pytest.mark.parametrize("readout", ["recency", "code", "attention", None])
def test_triadic_closure(readout: str | None):
    """Who shares a neighbour? Self vectors alone cannot tell."""
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(1)
    num = 16
    settings = {"num_slots": (16, 8), "hidden_channels": 16, "self_channels": 8, "dropout": 0.0}
    model = NAT(5 * num, readout=readout or "recency", **settings)
    if readout is None:
        model.readout = _Nothing()
    steps = 250 if readout == "attention" else 120
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    right = []
    for step in range(steps + 25):
        model.reset_state()
        batch, u, candidates = _triads(num, generator)
        model.observe(batch)
        out = model.score(u, candidates, torch.full((num,), 1000))
        if step >= steps:
            right.append((out[:, 0] > out[:, 1]).float())
            continue
        optimizer.zero_grad()
        target = torch.tensor([1.0, 0.0]).expand_as(out)
        nn.functional.binary_cross_entropy_with_logits(out, target).backward()
        optimizer.step()
    accuracy = float(torch.cat(right).mean())
    if readout is None:
        assert 0.4 < accuracy < 0.6
    else:
        assert accuracy > 0.93


# ------------------------------------------------------------------ what it costs
def test_memory_per_node():
    """At 32/16 and default settings at most what the authors' code takes: 1,672 bytes."""
    model = NAT(50)
    assert model.cache.num_slots == (32, 16)
    vectors = model.self_vector[0].numel() * model.self_vector.element_size()
    slots = model.cache.slot1.element_size()
    assert model.cache.bytes_per_node + vectors + slots <= 1672
    per_node = [b for b in model.buffers() if b.dim() and b.shape[0] == 50]
    assert sum(b.numel() * b.element_size() for b in per_node) <= 50 * 1672


class _Work(TorchDispatchMode):
    """Operations, and elements of the largest tensor that one makes, the state apart."""

    def __init__(self, model: NAT):
        super().__init__()
        self.state = {b.untyped_storage().data_ptr() for b in model.buffers()}
        self.operations = self.largest = self.elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        self.operations += 1
        for value in tree_leaves(out):
            if isinstance(value, Tensor) and value.untyped_storage().data_ptr() not in self.state:
                self.largest = max(self.largest, value.numel())
                self.elements += value.numel()
        return out


def _work(model: NAT, batch: EventBatch, train: bool) -> _Work:
    model.train(train)
    with _Work(model) as watch, torch.set_grad_enabled(train):
        out = model.score(batch.src, batch.dst, batch.t)
        if train:
            out.sum().backward()
        model.observe(batch)
    return watch


@pytest.mark.parametrize("train", [True, False])
def test_the_work_of_a_query_does_not_grow_with_the_stream(path: str, train: bool):
    """The same operations on as many elements after 500 events as after 20,000; memory too."""
    num_nodes = 60
    pair = torch.stack([torch.arange(20), torch.arange(20) + 20])  # distinct: static shapes
    model = a_model(TemporalGraph(pair[0], pair[1], torch.arange(20), num_nodes=num_nodes))
    seen, found = 0, []
    for goal in (500, 20_000):
        while seen < goal:
            src = torch.randint(num_nodes, (500,))
            dst = torch.randint(num_nodes, (500,))
            at = torch.arange(seen, seen + 500)
            model.observe(EventBatch(src, dst, at, at))
            seen += 500
        at = torch.arange(seen, seen + 20)
        seen += 20
        work = _work(model, EventBatch(*pair, at, at), train)
        size = sum(b.numel() for b in model.buffers())
        found.append((work.operations, work.largest, work.elements, size))
    early, late = found
    assert early[0] == late[0]
    assert early[-1] == late[-1]
    # Occupied slots and shared keys are listed, and after 500 events nearly all slots are full.
    assert all(b <= 1.2 * a for a, b in zip(early, late))


@pytest.mark.parametrize("settings", [{}, {"clock": "time"}], ids=str)
def test_the_work_of_a_query_does_not_grow_with_the_graph(path: str, settings: dict):
    largest = []
    for num_nodes in (1_000, 100_000):
        graph = TemporalGraph(
            torch.arange(40) % 7, 90 + torch.arange(40) % 10, torch.arange(40), num_nodes=num_nodes
        )
        model = a_model(graph, seed=1, **settings)
        first, second = graph.batches(size=20)
        model.observe(first)
        largest.append(_work(model, second, True).largest)
    assert largest[1] <= 2 * largest[0]


# ------------------------------------------------------------------ refusals
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"clock": "event"}, "Did you mean 'events'"),
        ({"readout": "recent"}, "Did you mean 'recency'"),
        ({"num_slots": (0, 4)}, "1..128"),
        ({"num_slots": (8,)}, "two sizes"),
        ({"neighbor_channels": 0}, "neighbor_channels"),
        ({"self_channels": 0}, "self_channels"),
        ({"time_channels": 0}, "time_channels"),
        ({"hidden_channels": 0}, "hidden_channels"),
        ({"hidden_channels": 7, "readout": "attention"}, "multiple of heads"),
        ({"dropout": 1.0}, "dropout"),
        ({"tick": 0.0}, "tick"),
        ({"replace_prob": -0.1}, "replace_prob"),
        ({"half_lives": (10.0, -1.0)}, "half_lives"),
        ({"time_dtype": torch.float32}, "int64 or float64"),
        ({"x": torch.zeros(4, 2)}, "number of rows"),
        ({"num_nodes": 0}, "num_nodes"),
    ],
    ids=str,
)
def test_refused_settings(settings: dict, says: str):
    with pytest.raises(GraphError) as caught:
        NAT(**{"num_nodes": 9, **SMALL, **settings})
    assert says in str(caught.value)
    assert isinstance(caught.value, UnknownNameError) is ("Did you mean" in says)


@pytest.mark.parametrize("bad", [-1, 11, 10**7, 2**40])
def test_node_ids_out_of_range(path: str, bad: int):
    """The compiled loops would read and write memory that is not theirs."""
    model = a_model(a_stream())
    ids = torch.tensor([3, 4])
    wrong = torch.tensor([3, bad])
    before = state_of(model)
    for src, dst in ((wrong, ids), (ids, wrong)):
        for call in (
            lambda s=src, d=dst: model.score(s, d, ids),
            lambda s=src, d=dst: model.score(s, d.unsqueeze(1), ids),
            lambda s=src, d=dst: model.observe(EventBatch(s, d, ids, ids)),
        ):
            with pytest.raises(GraphError, match=rf"0 <= id < 11; got {bad}"):
                call()
    assert_same(before, state_of(model))


def test_events_without_features(path: str):
    graph = a_stream(edge_channels=2)
    model = NAT(graph.num_nodes, edge_dim=2, **SMALL)
    first, b, _ = graph.batches(size=30)
    model.observe(first)
    before = state_of(model)
    for batch in (
        SimpleNamespace(src=b.src, dst=b.dst, t=b.t),
        EventBatch(b.src, b.dst, b.t, None),
    ):
        with pytest.raises(GraphError, match=r"'edge_attr'.*without features.*edge_dim=2"):
            model.observe(batch)
    wide = EventBatch(b.src, b.dst, b.t, None, edge_attr=torch.zeros(30, 3))
    with pytest.raises(GraphError, match=r"'edge_attr'.*\[30, 2\].*\[30, 3\]"):
        model.observe(wide)
    assert_same(before, state_of(model))


def test_a_table_of_features_is_refused():
    with pytest.raises(GraphError, match=r"'edge_attr'.*come with the event.*edge_dim"):
        NAT(4, edge_attr=torch.zeros(9, 2))


@pytest.mark.parametrize("hop2_pending", [False, True])
def test_features_are_kept_while_something_refers_to_them(path: str, hop2_pending: bool):
    """Dropping the others changes no score, and what is kept is what can be read."""
    graph = a_stream(600, edge_channels=2)
    model, thrifty = (a_model(graph, hop2_pending=hop2_pending, num_slots=(8, 4)) for _ in "ab")
    for batch in graph.batches(size=20):
        with torch.no_grad():
            assert torch.equal(
                model.score(batch.src, batch.dst, batch.t),
                thrifty.score(batch.src, batch.dst, batch.t),
            )
        model.observe(batch)
        thrifty.observe(batch)
        thrifty.features.compact()
    stamp = model.cache.stamp[:, : 13 if hop2_pending else 9]
    read = (stamp[model.cache.key[:, : stamp.shape[1]] >= 0] >> 1).unique()
    assert torch.equal(thrifty.features.number, read)
    assert torch.equal(thrifty.features.value, graph.edge_attr[read])
    assert len(read) < len(model.features) == 600


@pytest.mark.parametrize("clock", ["events", "time"])
@torch.no_grad()
def test_embeddings_are_what_a_score_reads(path: str, clock: str):
    graph = a_stream(edge_channels=2)
    model = a_model(graph, clock=clock)
    truth = naive.NaiveNAT(model, graph.edge_attr)
    for batch in graph.batches(size=30):
        model.observe(batch)
        truth.observe(events(batch))
    nodes, last = torch.tensor([3, 0, 10, 3]), int(graph.t[-1])
    for t, now in (
        (None, [last] * 4),
        (last + torch.arange(4) * 900, [last + 900 * i for i in range(4)]),
    ):
        expected = torch.stack([truth.self_of(n, w) for n, w in zip(nodes.tolist(), now)])
        torch.testing.assert_close(model.embed(nodes, t), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(GraphError, match="0 <= id < 11"):
        model.embed(torch.tensor([11]))


def test_float_times_reach_a_model_for_integer_times():
    model = a_model(a_stream(), clock="time")
    batch = a_stream(time_dtype=torch.float64).batches(size=20)[0]
    with pytest.raises(GraphError, match="integer times"):
        model.observe(batch)


def test_repr():
    text = repr(a_model(a_stream()))
    assert "NAT(11" in text
    assert "clock='events'" in text


# ------------------------------------------------------------------ writes torch does not count
@pytest.mark.parametrize("kind", ["data", "numpy"])
@pytest.mark.parametrize("what", ["weight", "state"])
def test_a_write_between_score_and_observe_that_torch_does_not_count(what: str, kind: str):
    graph = a_stream(edge_channels=2)
    first, second = list(graph.batches(size=30))[:2]
    model = a_model(graph)
    model.observe(first)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        model.score(second.src, second.dst, second.t)
    for one in (model, twin):
        value = one.self_cell.in_weight if what == "weight" else one.self_vector
        count = value._version
        value.data.mul_(2) if kind == "data" else value.detach().numpy().__imul__(2)
        assert value._version == count
        one.observe(second)
    assert_same(state_of(model), state_of(twin), 1e-6)


def test_a_reading_is_used_again_inside_a_block_of_the_engine(monkeypatch: pytest.MonkeyPatch):
    graph = a_stream(edge_channels=2)
    batch = next(iter(graph.batches(size=30)))
    reads = []
    read = NAT._read
    monkeypatch.setattr(NAT, "_read", lambda *a: reads.append(1) or read(*a))
    for block, count in ((tensors_unchanged(), 1), (contextlib.nullcontext(), 2)):
        model = a_model(graph)
        reads.clear()
        with block, torch.no_grad():
            model.score(batch.src, batch.dst, batch.t)
            model.observe(batch)
        assert len(reads) == count
