"""Features of nodes against a walk through the events; steps that go on after training."""

import json

import pytest
import torch

from graphkit import TemporalGraph
from graphkit.errors import GraphError
from graphkit.tasks.edge_classification import EdgeClassification
from graphkit.tasks.snapshot_input import SnapshotInput
from graphkit.tasks.snapshot_link_prediction import SnapshotLinkPrediction
from graphkit.tasks.snapshot_steps import check_classes
from graphkit.tasks.snapshot_timeline import Timeline
from graphkit.tasks.step_borders import StepBorders, borders_from, borders_of


def stream(num_events=60, num_nodes=7, classes=3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    ends = torch.randint(num_nodes, (2, num_events), generator=draw)
    y = torch.randint(classes, (num_events,), generator=draw)
    t = torch.randint(100, (num_events,), generator=draw).sort().values
    t[0], t[-1] = 0, 99
    return TemporalGraph(ends[0], ends[1], t, edge_y=y, num_nodes=num_nodes)


def test_equals_a_walk_through_the_events():
    graph, lives = stream(), (0, 2)
    line = Timeline(graph, every=10, history=1, features="reputation", half_lives=lives)
    found = [x[:, 3:] for x in line.x]  # behind those of activity
    assert len(found) == 10
    for step, x in enumerate(found):
        assert x.shape == (7, 2 * 3 * 2 + 1)
        total = torch.zeros(7, 2, 3, 2, dtype=torch.float64)
        for u, v, t, y in zip(*(c.tolist() for c in (graph.src, graph.dst, graph.t, graph.edge_y))):
            ago = step - 1 - t // 10  # of what stood there at the end of the step before
            if ago < 0:
                continue
            fade = torch.tensor([float(ago == 0), 2 ** (-ago / 2)], dtype=torch.float64)
            total[u, 0, y] += fade
            total[v, 1, y] += fade
        want = (torch.log2(1 + 16 * total)).round() / 4  # resolution 1/4 of log2(1 + 16 a) / 4
        torch.testing.assert_close(x[:, :-1], want.flatten(1).float(), rtol=0, atol=1e-6)
        assert torch.equal(x[:, -1], (total[..., 1] > 0).flatten(1).any(1).float())


def test_classes_of_a_step_do_not_reach_its_features():
    graph = stream()
    later = graph.t >= 50
    other = TemporalGraph(
        graph.src,
        graph.dst,
        graph.t,
        edge_y=torch.where(later, 2 - graph.edge_y, graph.edge_y),
        num_nodes=7,
    )
    one, two = (Timeline(g, every=10, history=1, features="reputation") for g in (graph, other))
    assert all(torch.equal(a, b) for a, b in zip(one.x[:6], two.x[:6]))  # step 5 is the first
    assert not torch.equal(one.x[6], two.x[6])


def test_activity_comes_first_and_steps_agree():
    options = {"every": 10, "first": 8, "skip_empty": True, "history": 1, "half_lives": (0, 3)}
    known = Timeline(stream(), features="reputation", **options)
    active = Timeline(stream(), features="activity", **options)
    assert known.in_channels == 3 + 13
    assert len(known.x) == len(active.x) == len(known) == 8
    assert all(torch.equal(a[:, :3], b) for a, b in zip(known.x, active.x))
    assert known.describe()["features"] == "reputation of half-lives 0 3, 16 channels"


def test_for_both_tasks():
    options = {"every": 10, "history": 1, "features": "reputation"}
    assert EdgeClassification(stream(), **options).in_channels == 5 + 25
    assert SnapshotLinkPrediction(stream(), negatives=1, **options).in_channels == 5 + 25


def test_no_classes():
    graph = stream()
    none = TemporalGraph(graph.src, graph.dst, graph.t, num_nodes=7)
    real = TemporalGraph(graph.src, graph.dst, graph.t, edge_y=torch.rand(60), num_nodes=7)
    for bad in (none, real):
        with pytest.raises(GraphError, match="edge_y"):
            check_classes(bad)
        with pytest.raises(GraphError, match="edge_y"):
            Timeline(bad, every=10, history=1, features="reputation")
    assert check_classes(graph) == int(graph.edge_y.max()) + 1
    assert check_classes(graph, 5) == 5
    with pytest.raises(GraphError, match=r"'edge_y', row \d+: a class out of range.*0 to 1; got 2"):
        check_classes(graph, 2)


@pytest.mark.parametrize("float_clock", [False, True])
@pytest.mark.parametrize("cut", [{"every": 7}, {"count": 13}, {"count": 100}, {"every": 40}])
def test_borders_are_those_of_snapshots(cut, float_clock):
    """And go on behind them; every time lies between the borders of its step."""
    graph = stream()
    if float_clock:
        t = graph.t.double() / 3
        graph = TemporalGraph(graph.src, graph.dst, t, num_nodes=7)
    borders, view = (
        borders_of(graph, cut.get("every"), cut.get("count")),
        graph.snapshots(**cut),
    )
    at = borders.at(0, len(view) + 30)
    assert at[: len(view)].tolist() == view.start.tolist()
    assert at[len(view)] == view.end[-1]
    assert (at[1:] > at[:-1]).all()
    assert borders.at(3, 9).tolist() == at[3:10].tolist()
    span = float(at[-1] - at[0])
    times = [float(at[0] + span * i / 500) for i in range(500)]
    if not float_clock:
        times = sorted({int(t) for t in times})
    for t in [*times, *at[:-1].tolist(), graph.t_max]:
        number = borders.number_of(t)
        assert at[number] <= t < at[number + 1], t
    assert borders.number_of(at[0].item() - 1) < 0
    assert borders_from(json.loads(json.dumps(borders.settings()))) == borders


OPTIONS = {
    "degree": {"features": "degree"},
    "wide": {"features": "degree", "adj_window": 3, "symmetric": False},
    "activity": {"features": "activity", "half_lives": (0, 2)},
    "reputation": {"features": "reputation", "half_lives": (0, 2), "adj_window": 2},
    "labels": {"features": "degree", "labels": True, "skip_empty": True, "max_degree": 2},
    "carry": {"features": "activity", "mode": "carry", "bptt": 2},
    "flow": {"features": "degree", "flow": "target_to_source", "symmetric": False},
}


def assert_same(found, wanted):
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted):
        assert one.flow == other.flow
        for name in ("x", "edge_index", "edge_coef", "self_coef", "position", "size"):
            a, b = getattr(one, name), getattr(other, name)
            assert (a is None) == (b is None), name
            assert a is None or torch.equal(a, b), name


def reopened(prepare):
    """Made again from what JSON and a file of tensors hold."""
    again = SnapshotInput(**json.loads(json.dumps(prepare.settings())))
    state = {name: value.clone() for name, value in prepare.state_dict().items()}
    again.load_state_dict(state)
    return again


@pytest.mark.parametrize("cut", [{"every": 5}, {"count": 23}])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_later_events_go_on_where_training_ended(options, cut):
    """From a border on, events step by step, saved and opened between any two steps, give the
    snapshots of the whole timeline; empty steps among them."""
    graph = stream(num_events=40)
    line = Timeline(graph, **{"history": 3, **cut, **options})
    for split in ("val", "test"):
        begin = line.steps(split, 0).start
        prepare = reopened(line.input_before(begin))
        assert prepare.in_channels == line.in_channels
        for step in range(begin, len(line)):
            prepare = reopened(prepare)
            number = line.cut[step].number
            low, high = prepare.borders.at(number, number + 1).tolist()
            steps = prepare.cut(graph.between(low, high), stop=number + 1)
            assert [s.number for s in steps][-1:] == [number]
            for one in steps:
                prepare.advance(one)
            assert_same(prepare.window(), line.seen(step))
            if options.get("labels"):
                assert torch.equal(steps[-1].label, line.labels[step])


def test_steps_in_one_piece_or_in_many():
    graph = stream()
    line = Timeline(graph, every=10, history=1, features="reputation")
    whole, prepare = line.input.cut(graph), line.input_before(0)
    found = []
    for part in (graph.between(0, 30), graph.between(30, 100)):
        for step in prepare.cut(part):
            found.append(step)
            prepare.advance(step)
    assert [s.number for s in found] == [s.number for s in whole] == list(range(10))
    for one, other in zip(found, whole):
        for a, b in zip(one[1:], other[1:]):
            assert (a is None and b is None) or torch.equal(a, b)
    prepare.reset_state()
    assert prepare.window() == []
    assert_same([prepare.snapshot(prepare.advance(s)) for s in whole], line.snapshots())


def test_empty_steps():
    """Steps without an event have a snapshot of their own, with features that have faded."""
    graph, more = stream(), {"every": 10, "history": 1, "features": "activity", "half_lives": (1,)}
    prepare = Timeline(graph, **more).input_before(10)
    nothing = graph[:0]
    assert prepare.cut(nothing) == []
    before = prepare.seen.steps()[-1][0]
    steps = prepare.cut(nothing, stop=12)
    assert [s.number for s in steps] == [10, 11]
    for step in steps:
        seen = prepare.advance(step)
        assert seen.edge_index.shape == (2, 0)
        assert bool((seen.x[:, 0] <= before[:, 0]).all())
        before = seen.x
    assert int(prepare.next_step) == 12
    assert Timeline(graph, skip_empty=True, **more).input_before(10).cut(nothing, stop=12) == []


def test_features_of_the_graph():
    graph = stream()
    x = torch.rand(7, 4)
    graph = TemporalGraph(graph.src, graph.dst, graph.t, x=x, num_nodes=7)
    line = Timeline(graph, every=10, history=1, features="x")
    prepare = reopened(line.input_before(8))
    (step,) = prepare.cut(graph.between(80, 90))
    assert torch.equal(prepare.advance(step).x, x)
    (step,) = prepare.cut(graph[:0], stop=10)
    assert torch.equal(prepare.advance(step).x, x)
    (step,) = prepare.cut(TemporalGraph([0], [1], [101], num_nodes=7))
    with pytest.raises(GraphError, match="features of training"):
        prepare.advance(step)


def test_what_is_refused():
    line = Timeline(stream(), every=10, history=1, features="reputation")
    prepare = line.input_before(5)
    with pytest.raises(GraphError, match=r"'t', row 0: .*before step 5.*expected t >= 50; got 49"):
        prepare.cut(TemporalGraph([0, 1], [1, 2], [49, 50], num_nodes=7))
    with pytest.raises(GraphError, match="not the nodes of training; expected 7; got 8"):
        prepare.cut(TemporalGraph([0], [1], [50], num_nodes=8))
    with pytest.raises(GraphError, match="the clock is not that of training"):
        prepare.cut(TemporalGraph([0], [1], [50], num_nodes=7, time_unit="h"))
    with pytest.raises(GraphError, match="edges need a class each"):
        prepare.cut(TemporalGraph([0], [1], [50], num_nodes=7))
    with pytest.raises(GraphError, match="a class out of range"):
        prepare.cut(TemporalGraph([0], [1], [50], edge_y=torch.tensor([3]), num_nodes=7))
    with pytest.raises(GraphError, match="each once; expected at least 5; got 4"):
        prepare.advance(line.cut[4])
    borders = StepBorders(0, 10).settings()
    unknown = SnapshotInput(7, borders=borders)
    with pytest.raises(GraphError, match="max_degree"):
        unknown.advance(line.cut[0])
    for wrong in ({"reach": 0}, {"adj_window": 0}):
        with pytest.raises(GraphError, match="out of range"):
            SnapshotInput(7, borders=borders, **wrong)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_nodes_that_come_later(options):
    """Numbers are those of an input that had the nodes from the beginning."""
    few, more = stream(num_events=40), {"history": 3, "every": 5, **options}
    many = TemporalGraph(few.src, few.dst, few.t, edge_y=few.edge_y, num_nodes=9)
    small, large = (Timeline(g, **more).input_before(15) for g in (few, many))
    assert small.grow(9).shape[0] == 2
    again = reopened(small)
    draw = torch.Generator().manual_seed(3)
    src, dst = torch.randint(9, (2, 20), generator=draw)
    t = 75 + torch.randint(25, (20,), generator=draw).sort().values
    later = TemporalGraph(src, dst, t, edge_y=src % 3, num_nodes=9)
    for prepare in (small, again, large):
        for step in prepare.cut(later):
            prepare.advance(step)
    assert_same(small.window(), large.window())
    assert_same(again.window(), large.window())
    with pytest.raises(GraphError, match="nodes cannot be taken away; expected >= 9; got 8"):
        small.grow(8)


def test_features_of_nodes_that_come_later():
    graph, x = stream(), torch.rand(9, 4)
    made = []
    for n in (7, 9):
        known = TemporalGraph(graph.src, graph.dst, graph.t, x=x[:n], num_nodes=n)
        made.append(Timeline(known, every=10, history=1, features="x").input_before(9))
    small, large = made
    for wrong in (None, x[7:, :3], x[6:]):
        with pytest.raises(GraphError, match=r"features of training; expected \[2, 4\]"):
            small.grow(9, wrong)
    assert small.num_nodes == 7
    assert torch.equal(small.grow(9, x[7:]), x[7:])
    assert_same(small.window(), large.window())


def test_passing_over_empty_steps():
    options = {"every": 10, "history": 1}
    prepare = Timeline(stream(), skip_empty=True, **options).input_before(10)
    before = prepare.window()
    prepare.pass_to(15)
    prepare.pass_to(12)  # that is over already
    assert int(prepare.next_step) == 15
    assert_same(prepare.window(), before)
    with pytest.raises(GraphError, match="empty steps count"):
        Timeline(stream(), **options).input_before(10).pass_to(15)
