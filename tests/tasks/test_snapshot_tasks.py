"""Snapshot tasks: split, what is seen, negatives, metrics against brute force, whole runs."""

import itertools

import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score
from torch_geometric.data import Data

import graphkit
from graphkit.data import TemporalGraph
from graphkit.datasets.sbm import sbm
from graphkit.errors import GraphError, UnknownNameError
from graphkit.metrics.snapshot_ranking import rank_all_pairs, rank_drawn
from graphkit.models.snapshot import GCNGRU, EvolveGCNH, EvolveGCNO, SnapshotGCN
from graphkit.nn.snapshot import as_snapshot, fading_degrees
from graphkit.ops.absent_targets import absent_targets
from graphkit.tasks.answer import Answer
from graphkit.tasks.edge_classification import EdgeClassification
from graphkit.tasks.snapshot_link_prediction import SnapshotLinkPrediction
from graphkit.tasks.snapshot_timeline import Timeline

MODELS = (EvolveGCNO, EvolveGCNH, SnapshotGCN, GCNGRU)


def stream(num_events=600, num_nodes=40, steps=20, seed=0):
    draw = torch.Generator().manual_seed(seed)
    ends = (torch.rand(2, num_events, generator=draw).square() * num_nodes).long()
    t = torch.randint(steps * 10, (num_events,), generator=draw).sort().values
    t[0], t[-1] = 0, steps * 10 - 1
    y = ((ends[0] + ends[1]) % 3 > 0).long()
    return TemporalGraph(ends[0], ends[1], t, edge_y=y, num_nodes=num_nodes)


def link(**settings):
    return SnapshotLinkPrediction(
        stream(), **{"every": 10, "history": 2, "negatives": 3, **settings}
    )


def model_for(task, make, seed=0):
    torch.manual_seed(seed)
    return make.from_task(task, hidden_channels=4, classifier_channels=5)


def test_split_is_by_the_number_of_the_last_step():
    line = Timeline(stream(), every=10, history=2)
    assert len(line) == 20  # floor(19 * .7) = 13, floor(19 * .8) = 15
    assert [list(line.steps(s, 1)) for s in ("train", "val", "test")] == [
        list(range(2, 13)),
        [13, 14],
        [15, 16, 17, 18],
    ]
    assert line.steps("test", 0)[-1] == 19
    carried = Timeline(stream(), every=10, mode="carry", bptt=3)
    assert carried.steps("train", 1)[0] == 2


def test_a_window_holds_history_and_one_more():
    task = link(history=3)
    query = next(iter(task.stream("train")))
    assert query.step == 3
    assert len(query.snapshots) == 4
    every = task.timeline.snapshots()
    assert all(a is b for a, b in zip(query.snapshots, every[:4]))
    assert next(iter(link(history=0).stream("train"))).step == 0


def test_a_snapshot_may_hold_the_edges_of_several_steps():
    narrow, wide = (Timeline(stream(), every=10, history=2, adj_window=w) for w in (1, 3))
    for step in range(len(wide)):
        counts = {}
        for t in range(max(0, step - 2), step + 1):
            for (u, v), w in zip(narrow.edges[t].T.tolist(), narrow.weights[t].tolist()):
                counts[u, v] = counts.get((u, v), 0) + w
        edge_index, weight = wide.seen_steps[step][1:]
        assert dict(zip(map(tuple, edge_index.T.tolist()), weight.tolist())) == counts
        assert torch.equal(wide.edges[step], narrow.edges[step])  # what is asked about stays
        degree = torch.tensor([sum(u == node for u, _ in counts) for node in range(40)])
        assert torch.equal(wide.x[step], degree.clamp(max=wide.in_channels - 1))
    with pytest.raises(GraphError, match="adj_window"):
        Timeline(stream(), every=10, history=2, adj_window=0)


def _whole(line, step):
    """A step with a row for every node."""
    return Data(x=line.x[step], edge_index=line.edges[step], edge_weight=line.weights[step])


def test_features_that_fade_with_time():
    line = Timeline(stream(), every=10, history=2, features="activity", half_lives=(0, 2))
    assert line.in_channels == 3
    assert line.describe()["features"] == "activity of half-lives 0 2, 3 channels"
    degree = [e[0].bincount(minlength=40) for e in line.edges]
    want = fading_degrees(degree, (0, 2))
    assert all(torch.equal(a, b) for a, b in zip(line.x, want))
    for snapshot, x in zip(line.snapshots(), want):
        assert torch.equal(snapshot.x[snapshot.rows()], x)
    task = link(features="activity")
    model, query = model_for(task, EvolveGCNH), next(iter(task.stream("test")))
    apart = [as_snapshot(_whole(task.timeline, k)) for k in range(query.step - 2, query.step + 1)]
    rows = query.snapshots[-1].rows()
    torch.testing.assert_close(model(query.snapshots)[rows], model(apart))


def test_edges_from_the_target_on_do_not_reach_the_model():
    graph = stream()
    later = graph.t >= 160
    twisted = TemporalGraph(
        torch.where(later, graph.dst, graph.src),
        torch.where(later, (graph.src * 7 + 3) % 40, graph.dst),
        graph.t,
        num_nodes=40,
    )
    one = SnapshotLinkPrediction(graph, every=10, history=2, max_degree=5)
    two = SnapshotLinkPrediction(twisted, every=10, history=2, max_degree=5)
    model = model_for(one, EvolveGCNH)
    first, second = (next(iter(task.stream("test"))) for task in (one, two))
    assert first.step == 15  # the target is step 16, t from 160
    assert torch.equal(model(first.snapshots), model(second.snapshots))
    assert not torch.equal(first.dst, second.dst)


def test_negatives():
    task = link(negatives=4)
    seen = []
    for query in task.stream("train"):
        true = set(zip(*(part[query.label == 1].tolist() for part in (query.src, query.dst))))
        step = task.timeline.edges[query.step + 1]
        assert true == set(zip(*step.tolist()))
        drawn = list(zip(*(part[query.label == 0].tolist() for part in (query.src, query.dst))))
        assert len(drawn) == 4 * len(true)
        assert len(set(drawn)) == len(drawn)
        assert not true & set(drawn)
        assert all(u != v for u, v in drawn)
        assert {u for u, _ in drawn} <= set(step[0].tolist())
        window = task.timeline.edges[query.step - 2 : query.step + 1]
        assert {v for _, v in drawn} <= set(torch.cat(window, dim=1).reshape(-1).tolist())
        seen.append(drawn)
    again = [q.dst for q in task.stream("train", epoch=0)]
    other = [q.dst for q in task.stream("train", epoch=1)]
    assert all(a.shape == b.shape for a, b in zip(again, other))
    assert not all(torch.equal(a, b) for a, b in zip(again, other))
    later = [q.dst for q in task.stream("train").start(3)]
    assert all(torch.equal(a, b) for a, b in zip(again[3:], later))


def test_negatives_among_all_pairs():
    task = link(negatives=4, drawn_from="all")
    sources = set()
    for query in task.stream("train"):
        true = set(zip(*(part[query.label == 1].tolist() for part in (query.src, query.dst))))
        drawn = list(zip(*(part[query.label == 0].tolist() for part in (query.src, query.dst))))
        assert len(set(drawn)) == len(drawn) == 4 * len(true)
        assert not true & set(drawn)
        sources |= {u for u, _ in drawn}
    assert sources == set(range(40))
    assert "negatives among all pairs" in repr(task)


@pytest.mark.parametrize("make", MODELS)
def test_metrics_equal_brute_force_over_all_pairs(make):
    task = link()
    model = model_for(task, make).eval()
    aps, mrrs = [], []
    for query in task.stream("val"):
        with torch.no_grad():
            h = model(query.snapshots)
            rows = query.snapshots[-1].position
            h = h if len(h) == 40 else h[rows]
            node = torch.arange(40)
            logits = model.head(h, node.repeat_interleave(40), node.repeat(40))
        scores = (logits[:, 1] - logits[:, 0]).double().view(40, 40)
        scores = scores.mul(1e5).round()  # equal up to the order of float sums
        true = torch.zeros(40, 40, dtype=torch.bool)
        true[tuple(task.timeline.edges[query.step + 1])] = True
        aps.append(average_precision_score(true.view(-1).numpy(), scores.view(-1).numpy()))
        of_rows = []
        for line, hits in zip(scores, true):
            if hits.any():
                above = (line > line[hits].unsqueeze(1)).sum(dim=1)
                equal = (line == line[hits].unsqueeze(1)).sum(dim=1)
                of_rows.append((1 / (1 + above + (equal - 1) / 2)).mean().item())
        mrrs.append(sum(of_rows) / len(of_rows))
    from graphkit.engine.passes import score_pass
    from graphkit.engine.runtime import Runtime

    found = score_pass(model, task, task.stream("val"), Runtime.start("cpu"))
    metrics = task.metrics(found, "val")
    assert metrics["map"] == pytest.approx(sum(aps) / len(aps), abs=2e-3)
    assert metrics["mrr"] == pytest.approx(sum(mrrs) / len(mrrs), abs=2e-3)
    assert metrics["mrr_filtered"] >= metrics["mrr"]


@pytest.mark.parametrize("sampled", [None, 6])
def test_pairs_that_have_met_score_more(sampled):
    """Scores of all pairs with the offsets written out, for training, ranks and drawn pairs."""
    task = link(sampled=sampled)
    torch.manual_seed(0)
    model = EvolveGCNO.from_task(task, hidden_channels=4, classifier_channels=5, pair_history=3)
    plain = EvolveGCNO.from_task(task, hidden_channels=4, classifier_channels=5)
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if "pair" not in k})
    query = next(iter(task.stream("train")))
    met = model.pair_history(query.snapshots, query.src, query.dst)
    assert bool((met > 0).any())
    one, other = (task.score(m, query).prediction for m in (model, plain))
    torch.testing.assert_close(one, other + met)
    for query in task.stream("test"):
        last, n = query.snapshots[-1], task.num_nodes
        h = model(query.snapshots)
        margins = model.head.margins(h if last.position is None else h[last.position])
        scores = margins(torch.arange(n))
        pairs = model.pair_history.pairs(query.snapshots)
        scores = scores.index_put((pairs.sources, pairs.targets), pairs.offsets, accumulate=True)
        true = query.label == 1
        src, dst = query.src[true], query.dst[true]
        if sampled is None:
            want = rank_all_pairs(lambda rows: scores[rows], n, src, dst)[:3]  # noqa: B023
        else:
            drawn = absent_targets(src, dst, n, sampled, task.seed, -1, query.step)
            want = rank_drawn(scores[src, dst], scores[src.unsqueeze(1), drawn], src)[:2]
        found = task.score(model, query).prediction[0, : len(want)]
        torch.testing.assert_close(found.tolist(), list(want), atol=1e-6, rtol=1e-6)


def test_a_run_with_pairs_that_have_met():
    task = link()
    make = EvolveGCNH.from_task
    model = make(task, hidden_channels=4, classifier_channels=5, pair_history=2)
    begin = model.pair_history.weight.detach().clone()
    result = graphkit.fit(model, task, epochs=2, lr=0.01, progress=False)
    assert not torch.equal(model.pair_history.weight.detach(), begin)
    found = graphkit.evaluate(model, task, "test", device="cpu")
    assert found == pytest.approx(result.metrics["test"], abs=1e-9)


@pytest.mark.parametrize("mode", ["window", "carry"])
def test_a_run_trains_selects_and_resumes(mode, tmp_path):
    def run(epochs, resume=False, where="a"):
        task = link(mode=mode)
        return graphkit.fit(
            model_for(task, EvolveGCNH), task, epochs=epochs, lr=0.01, threads=1, progress=False,
            device="cpu", checkpoint_dir=tmp_path / where, resume=resume,
        )  # fmt: skip

    whole = run(4)
    assert set(whole.metrics["test"]) == {"map", "mrr", "mrr_filtered"}
    assert whole.curves["train_loss"][-1] < whole.curves["train_loss"][0]
    run(2, where="b")
    resumed = run(4, resume=True, where="b")
    assert resumed.metrics == whole.metrics
    assert resumed.curves == whole.curves


@pytest.mark.parametrize("make", [EvolveGCNH, GCNGRU])
def test_a_carried_state_is_that_of_the_whole_timeline(make):
    task = link(mode="carry", bptt=2)
    model = model_for(task, make).eval()
    snapshots = task.timeline.snapshots()
    want = model.encoder(snapshots, outputs="all")[0]
    for stretch in task.past("val"):
        for snapshot in stretch.batches(1):
            model.observe(snapshot.to("cpu"))
    for query in task.stream("val"):
        torch.testing.assert_close(model(query.snapshots), want[query.step])
        model.observe(query.events)
    alone = graphkit.evaluate(model, task, "test", device="cpu")
    assert alone == graphkit.evaluate(model, task, "test", device="cpu")


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("mode", ["window", "carry"])
def test_evaluate_gives_the_figures_of_fit(mode, make):
    graph = stream()
    for task in (
        link(mode=mode),
        EdgeClassification(graph, every=10, history=2, mode=mode),
    ):
        model = model_for(task, make)
        result = graphkit.fit(
            model, task, epochs=3, lr=0.05, threads=1, progress=False, device="cpu"
        )
        for split in ("val", "test"):
            found = graphkit.evaluate(model, task, split, device="cpu", threads=1)
            assert found == pytest.approx(result.metrics[split], rel=1e-9), (task.name, split)


def test_ranking_among_drawn_destinations_by_hand():
    task = link(sampled=5)
    assert task.selection == "mrr_sampled"
    assert "ranked among 5 drawn" in repr(task)
    model = model_for(task, EvolveGCNH).eval()
    aps, mrrs, pairs, again = [], [], [], []
    for query in task.stream("val"):
        with torch.no_grad():
            answer = task.score(model, query)
            h = model(query.snapshots)
            h = h if len(h) == 40 else h[query.snapshots[-1].position]
            node = torch.arange(40)
            logits = model.head(h, node.repeat_interleave(40), node.repeat(40))
        assert answer.prediction.shape == (1, len(task.columns)) == (1, 4)
        assert answer.target is None
        assert answer.group.tolist() == [query.step]
        score = (logits[:, 1] - logits[:, 0]).view(40, 40)
        src, dst = task.timeline.edges[query.step + 1]
        rivals = absent_targets(src, dst, 40, 5, 0, -1, query.step)
        by_source, of_true, of_drawn = {}, [], []
        for u, v, others in zip(src.tolist(), dst.tolist(), rivals):
            line = score[u, others]
            above, equal = (line > score[u, v]).sum(), (line == score[u, v]).sum()
            by_source.setdefault(u, []).append(float(1 / (1 + above + equal / 2)))
            of_true.append(score[u, v])
            of_drawn.append(line)
        mrrs.append(sum(sum(r) / len(r) for r in by_source.values()) / len(by_source))
        values = torch.cat([torch.stack(of_true), torch.cat(of_drawn)])
        label = torch.arange(len(values)) < len(src)
        aps.append(average_precision_score(label.numpy(), values.numpy()))
        pairs.append(len(values))
        again.append(answer)
    metrics = task.metrics(again, "val")
    want = sum(a * n for a, n in zip(aps, pairs)) / sum(pairs)
    assert metrics["ap_sampled"] == pytest.approx(want, abs=2e-3)
    assert metrics["mrr_sampled"] == pytest.approx(sum(mrrs) / len(mrrs), abs=2e-3)


def test_a_run_with_drawn_destinations():
    task = link(sampled=7, drawn_from="all")
    result = graphkit.fit(
        model_for(task, SnapshotGCN), task, epochs=2, lr=0.01, threads=1, progress=False,
        device="cpu",
    )  # fmt: skip
    assert set(result.metrics["test"]) == {"mrr_sampled", "ap_sampled"}
    assert set(result.protocol["computed"]) == {"mrr_sampled", "ap_sampled"}


def test_loss_and_gradient_without_compiled_loops(monkeypatch):

    task = link()
    model = model_for(task, EvolveGCNH)

    def losses():
        found = []
        for query in task.stream("train"):
            model.zero_grad()
            loss = task.loss(task.score(model, query), len(query))
            loss.backward()
            found.append((loss.detach(), *(p.grad.clone() for p in model.parameters())))
        metrics = [task.score(model.eval(), q).prediction for q in task.stream("val")]
        return found, metrics

    (fast, ranked), _ = losses(), model.train()
    for op in ("distinct_pairs", "pair_logits", "pair_scores"):
        monkeypatch.setattr(f"graphkit.ops.{op}.op.use_compiled", lambda *tensors: False)
    slow, ranked_slowly = losses()
    for a, b in zip(fast, slow):
        for x, y in zip(a, b):
            torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-6)
    for a, b in zip(ranked, ranked_slowly):
        torch.testing.assert_close(a, b, rtol=2e-2, atol=1e-4)  # a rounding may change a rank


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_loss_is_a_weighted_cross_entropy_of_two_classes(dtype):
    torch.manual_seed(0)
    task = link(class_weights=(0.2, 0.8))
    label = torch.randint(2, (50,))
    logits = torch.randn(50, 2, dtype=dtype) * 4
    score = (logits[:, 1] - logits[:, 0]).requires_grad_()
    both = torch.stack([torch.zeros(50), score.float()], dim=1)
    each = torch.nn.functional.cross_entropy(both, label, reduction="none")
    want = (each * torch.tensor([0.2, 0.8])[label]).sum() / 70  # not by the sum of the weights
    got = task.loss(Answer(score, label), 70)
    torch.testing.assert_close(got.float(), want)
    assert got.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    grads = [torch.autograd.grad(loss, score)[0].float() for loss in (got, want)]
    torch.testing.assert_close(*grads)


def test_shares_of_processes_add_up():
    task = link()
    model = model_for(task, EvolveGCNO)
    query = next(iter(task.stream("train")))
    total = len(query)
    whole = task.loss(task.score(model, query), total)
    parts = [task.loss(task.score(model, query.shard(r, 3)), total) for r in range(3)]
    torch.testing.assert_close(sum(parts), whole)
    steps = list(task.stream("val"))
    assert [sum(len(q.shard(r, 2)) for r in range(2)) for q in steps] == [1, 1]


# ------------------------------------------------------------------ edge classification
def test_labels_are_majorities():
    graph = TemporalGraph(
        [0, 0, 0, 1, 1, 2, 2],
        [1, 1, 1, 2, 2, 0, 0],
        [0, 0, 0, 0, 0, 9, 29],
        edge_y=torch.tensor([1, 0, 1, 1, 0, 2, 2]),
    )
    line = Timeline(graph, every=5, history=0, labels=True, symmetric=False)
    assert line.num_classes == 3
    assert line.edges[0].tolist() == [[0, 1], [1, 2]]
    assert line.weights[0].tolist() == [3, 2]
    assert line.labels[0].tolist() == [1, 0]  # a tie goes to the lowest class
    assert line.labels[1].tolist() == [2]


def test_edge_classification_runs_and_counts():
    task = EdgeClassification(stream(), every=10, history=2, class_weights=(0.8, 0.2))
    assert task.target == 0
    model = model_for(task, EvolveGCNH)
    result = graphkit.fit(model, task, epochs=3, lr=0.01, threads=1, progress=False, device="cpu")
    assert set(result.metrics["test"]) == {"f1", "precision", "recall", "f1_macro", "f1_micro"}
    logits = torch.randn(50, 2)
    label = torch.randint(2, (50,))
    found = task.metrics(Answer(logits, label))
    guess = logits.argmax(dim=1)
    assert found["f1"] == pytest.approx(f1_score(label, guess, pos_label=0))
    assert found["f1_macro"] == pytest.approx(f1_score(label, guess, average="macro"))
    assert found["f1_micro"] == pytest.approx(f1_score(label, guess, average="micro"))


def test_the_step_itself_is_seen_when_its_edges_are_classified():
    task = EdgeClassification(stream(), every=10, history=2)
    query = next(iter(task.stream("test")))
    assert torch.equal(torch.stack([query.src, query.dst]), task.timeline.edges[query.step])


# ------------------------------------------------------------------ options and errors
def test_own_features_and_varying_degrees():
    graph = stream()
    with pytest.raises(GraphError, match="no node features"):
        SnapshotLinkPrediction(graph, every=10, history=2, features="x")
    task = link()
    assert task.in_channels == 1 + max(
        int(e[0].bincount().max()) for e in task.timeline.edges[: task.timeline.train_end]
    )
    assert link(max_degree=2).in_channels == 3


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"history": 13}, "no training step"),
        ({"negatives": 0}, "nothing to tell apart"),
        ({"train": 0.9, "val": 0.2}, "not shares"),
        ({"bptt": 0}, "bptt"),
    ],
)
def test_errors(settings, message):
    with pytest.raises(GraphError, match=message):
        link(**settings)


def test_unknown_names():
    for settings in (
        {"mode": "windw"},
        {"features": "degre"},
        {"selection": "mapp"},
        {"drawn_from": "al"},
    ):
        with pytest.raises(UnknownNameError, match="Did you mean"):
            link(**settings)


def test_sbm():
    graph = sbm(60, 6, p_in=0.4, p_out=0.05, migrating=5)
    assert graph.num_nodes == 60
    assert not (graph.src == graph.dst).any()
    communities = graph.node_events.y.view(6, 60)
    assert [(a != b).sum().item() for a, b in itertools.pairwise(communities)] == [5] * 5
    inside = communities[graph.t, graph.src] == communities[graph.t, graph.dst]
    assert inside.float().mean() > 0.8
    assert torch.equal(graph.src, sbm(60, 6, p_in=0.4, p_out=0.05, migrating=5).src)
    kept = sbm(60, 2, p_in=0.4, persistence=1.0, migrating=0)
    first, second = ((kept.src * 60 + kept.dst)[kept.t == t] for t in (0, 1))
    assert torch.equal(first, second)
    x = sbm(60, 6, p_in=0.4, p_out=0.05, migrating=5, feature_noise=0).node_events.x
    assert torch.equal(x.argmax(dim=1), graph.node_events.y)
    assert graph.node_events.x.std() > 1
    with pytest.raises(GraphError, match="p_in"):
        sbm(p_in=2)
