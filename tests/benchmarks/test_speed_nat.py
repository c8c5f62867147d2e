"""The plain NAT is a NAT: its join, its writes, its learning; and the benchmark beside it runs."""

import pytest
import torch

from graphkit import TemporalGraph, load


@pytest.fixture
def plain():
    from benchmarks.speed._plain_nat import PlainNAT

    def build(num_nodes=10, num_edges=100, **settings):
        torch.manual_seed(0)
        return PlainNAT(num_nodes, num_edges, **settings).eval()

    return build


def enter(model, events):
    """One event at a time."""
    for edge, (u, v) in enumerate(events, start=1):
        one = [torch.tensor([i]) for i in (u, v, 1, 10 * edge, edge)]
        model.contrast(*one)


def keys(model, node, hop):
    slots = model.num_slots[hop]
    return model.stores[hop].view(-1, slots, 3 + model.neighbor_channels)[node, :, 0].tolist()


def test_worked_example_of_the_insertion_rule(plain):
    model = plain(num_slots=(2, 2), replace_prob=1.0, seed=1)
    assert model.slot(torch.tensor([1, 2, 3, 5]), 1).tolist() == [1, 0, 1, 1]
    with torch.no_grad():
        enter(model, [(1, 3), (1, 5), (2, 3)])
    assert keys(model, 1, 1) == [0, 5]  # 3 and 5 collide
    assert keys(model, 5, 2) == [0, 3]  # 5 was offered the partner that node 1 had
    assert keys(model, 2, 1) == [0, 3]
    assert keys(model, 3, 1) == [2, 1]
    assert keys(model, 2, 2) == [0, 1]  # 3's earlier partner
    assert keys(model, 3, 2) == [0, 0]  # 2 had no partners


def test_a_full_cache_keeps_its_keys_without_replacement(plain):
    model = plain(num_slots=(2, 2), replace_prob=0.0, seed=1)
    with torch.no_grad():
        enter(model, [(1, 3), (1, 5)])
    assert keys(model, 1, 1) == [0, 3]


def test_join_adds_what_equal_keys_hold(plain, monkeypatch):
    model = plain()
    with torch.no_grad():
        enter(model, [(1, 3), (2, 3), (1, 4), (2, 4), (5, 1)])
        nodes = torch.tensor([1, 2])
        model.store0[nodes, 0] = nodes.float()
        hops = [model.read(nodes, hop) for hop in range(3)]
    expected = {}
    for hop, entries in enumerate(hops):
        for side in range(2):
            for key, vector in zip(entries.key[side].tolist(), entries.vector[side]):
                if key:
                    code, total = expected.get(key, (0, torch.zeros(4)))
                    expected[key] = code + (1 << (hop + 3 * side)), total + vector
    seen = {}
    monkeypatch.setattr(
        model.readout_lin, "forward", lambda rows: seen.setdefault("rows", rows)[:, :2]
    )
    one = torch.zeros(1, dtype=torch.long)
    model.pair(hops, model.read_self(nodes), one, one + 1)
    rows = [
        torch.cat([torch.zeros(1), total, model.code.weight[code]])
        for _, (code, total) in sorted(expected.items())
    ]
    torch.testing.assert_close(seen["rows"], torch.stack(rows))
    assert {3: 0b010010, 4: 0b010010}.items() <= {
        k: c & 0b010010 for k, (c, _) in expected.items()
    }.items()


def test_candidates_score_as_they_would_alone(plain):
    model = plain(num_nodes=30)
    generator = torch.Generator().manual_seed(1)
    draw = lambda *shape: torch.randint(1, 31, shape, generator=generator)  # noqa: E731
    with torch.no_grad():
        enter(model, draw(20, 2).tolist())
        src, dst, negative, t = draw(5), draw(5), draw(5, 3), torch.arange(500, 505)
        state = {k: v.clone() for k, v in model.state_dict().items()}
        positive, against = model.contrast(src, dst, negative, t, torch.arange(30, 35))
        for c in range(3):
            model.load_state_dict(state)
            alone = model.contrast(src, dst, negative[:, c], t, torch.arange(30, 35))
            torch.testing.assert_close(alone[0], positive)
            torch.testing.assert_close(alone[1], against[:, c])


def test_scores_do_not_see_their_own_batch(plain):
    model, other = plain(), plain()
    with torch.no_grad():
        enter(model, [(1, 3), (2, 3)])
        other.load_state_dict(model.state_dict())
        t, edge, negative = torch.tensor([50, 60]), torch.tensor([8, 9]), torch.tensor([4, 4])
        first, _ = model.contrast(torch.tensor([1, 2]), torch.tensor([2, 3]), negative, t, edge)
        second, _ = other.contrast(torch.tensor([1, 7]), torch.tensor([2, 8]), negative, t, edge)
    torch.testing.assert_close(first[0], second[0])


def test_the_plain_model_learns(monkeypatch):
    from benchmarks.speed import nat

    torch.manual_seed(1)
    couple = torch.randint(10, (3_000,))  # nodes 2i and 2i + 1 keep meeting
    runner = nat.Plain(TemporalGraph(2 * couple, 2 * couple + 1, torch.arange(1, 3_001)))
    for group in runner.optimizer.param_groups:
        group["lr"] = 3e-3
    losses = []
    bce = torch.nn.functional.binary_cross_entropy

    def note(p, target):
        loss = bce(p, target)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr(nat.F, "binary_cross_entropy", note)
    runner.train(3_000)
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


def test_rows(monkeypatch):
    from benchmarks.speed import cells, nat

    graph = load("triadic", num_events=2_500, num_nodes=100)
    monkeypatch.setattr(nat, "stream", lambda quick: graph)
    threads, before = torch.get_num_threads(), torch.get_rng_state()
    rows = nat.run(quick=True, threads=1)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), before)
    for row in rows:
        assert {"name", "ours_s", "baseline_s", "ratio", "target", "unit", "note"} == row.keys()
        assert row["ours_s"] > 0
        assert row["ratio"] == pytest.approx(row["baseline_s"] / row["ours_s"])
    memory = rows[-1]
    assert memory["baseline_s"] == 1_672
    assert memory["ours_s"] <= memory["baseline_s"]
    assert cells(memory)[2] == "1,672 B"


def test_the_stream_ends():
    from benchmarks.speed.nat import Runner

    runner = Runner(load("triadic", num_events=300, num_nodes=50))
    assert [len(batch) for batch in runner.chunk(250)] == [100, 100, 50]
    with pytest.raises(IndexError, match="ends at 300, not 350"):
        runner.chunk(100)
