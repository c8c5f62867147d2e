"""Ranking of all pairs against scikit-learn and loops over rows."""

import pytest
import torch
from sklearn.metrics import average_precision_score

from graphkit.errors import GraphError
from graphkit.metrics import snapshot_ranking as module
from graphkit.metrics.snapshot_ranking import rank_all_pairs


def row_mrr(scores, positive, filtered):
    """Mean over rows of the mean of 1 / rank, a rank being counted one by one."""
    rows = []
    for line, true in zip(scores.tolist(), positive.tolist()):
        places = []
        for j, hit in enumerate(true):
            if not hit:
                continue
            others = [s for i, s in enumerate(line) if i != j and not (filtered and true[i])]
            above, equal = sum(s > line[j] for s in others), sum(s == line[j] for s in others)
            places.append(1 / (1 + above + equal / 2))
        if places:
            rows.append(sum(places) / len(places))
    return sum(rows) / len(rows)


@pytest.fixture(params=["loops", "tensors"])
def path(request, monkeypatch):
    if request.param == "tensors":
        monkeypatch.setattr(module, "use_compiled", lambda *_: False)


@pytest.mark.parametrize("levels", [None, 3, 0])
@pytest.mark.parametrize("n, p", [(2, 1), (7, 3), (50, 60), (50, 2500)])
@pytest.mark.parametrize("tile, keep", [(1 << 20, 1 << 20), (120, 1 << 20), (120, 0)])
def test_equals_brute_force(path, n, p, levels, tile, keep):
    draw = torch.Generator().manual_seed(n + p)
    scores = torch.randn(n, n, generator=draw)
    if levels is not None:
        scores = (scores * levels).round()
    pair = torch.randperm(n * n, generator=draw)[:p]
    positive = torch.zeros(n * n, dtype=torch.bool)
    positive[pair] = True
    found = rank_all_pairs(lambda rows: scores[rows], n, pair // n, pair % n, tile=tile, keep=keep)
    ap = average_precision_score(positive.numpy(), scores.reshape(-1).numpy())
    assert found.ap == pytest.approx(ap, abs=1e-12)
    positive = positive.view(n, n)
    assert found.mrr == pytest.approx(row_mrr(scores, positive, False), abs=1e-12)
    assert found.mrr_filtered == pytest.approx(row_mrr(scores, positive, True), abs=1e-12)
    assert found.num_pairs == n * n


@pytest.mark.parametrize("keep", [0, 1 << 20])
def test_nodes_that_share_rows_equal_nodes_with_rows_of_their_own(path, keep):
    draw = torch.Generator().manual_seed(1)
    n, rows = 40, 9
    position = torch.randint(rows, (n,), generator=draw)
    position[:rows] = torch.arange(rows)
    scores = torch.randn(rows, rows, generator=draw).mul(2).round()
    full = scores[position][:, position]
    pair = torch.randperm(n * n, generator=draw)[:70]
    src, dst = pair // n, pair % n
    want = rank_all_pairs(lambda r: full[r], n, src, dst)
    found = rank_all_pairs(
        lambda r: scores[r], rows, src, dst,
        position=position, size=position.bincount(minlength=rows), tile=20, keep=keep,
    )  # fmt: skip
    assert found == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("levels", [None, 2])
@pytest.mark.parametrize("tile, keep", [(1 << 20, 1 << 20), (40, 1 << 20), (40, 0)])
def test_offsets_of_some_pairs_equal_other_scores(path, shared, levels, tile, keep):
    draw = torch.Generator().manual_seed(3)
    n = 30
    rows = 7 if shared else n
    position = torch.cat([torch.arange(rows), torch.randint(rows, (n - rows,), generator=draw)])
    scores = torch.randn(rows, rows, generator=draw)
    pair, moved = (torch.randperm(n * n, generator=draw)[:p] for p in (50, 90))
    moved = torch.cat([moved, pair[::2]]).unique()  # some positives among them
    offset = 2 * torch.randn(moved.numel(), generator=draw)
    if levels is not None:
        scores, offset = (levels * scores).round(), offset.round()
    full = scores[position][:, position].clone()
    full[moved // n, moved % n] += offset
    src, dst = pair // n, pair % n
    want = rank_all_pairs(lambda r: full[r], n, src, dst)
    found = rank_all_pairs(
        lambda r: scores[r], rows, src, dst,
        position=position, size=position.bincount(minlength=rows),
        offsets=(moved // n, moved % n, offset), tile=tile, keep=keep,
    )  # fmt: skip
    assert found == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("spread", [1e-30, 1e30, torch.inf])
def test_scores_of_any_size(path, spread):
    draw = torch.Generator().manual_seed(2)
    scores = (
        torch.randn(30, 30, generator=draw).pow(5).mul(spread).nan_to_num(0.0, posinf=torch.inf)
    )
    pair = torch.randperm(900, generator=draw)[:200]
    positive = torch.zeros(900, dtype=torch.bool)
    positive[pair] = True
    found = rank_all_pairs(lambda rows: scores[rows], 30, pair // 30, pair % 30)
    finite = scores.clamp(-3e38, 3e38).reshape(-1).double()
    ap = average_precision_score(positive.numpy(), finite.numpy())
    assert found.ap == pytest.approx(ap, abs=1e-12)
    assert found.mrr == pytest.approx(row_mrr(scores, positive.view(30, 30), False), abs=1e-12)


def test_what_it_refuses():
    node = torch.tensor([0, 0])
    with pytest.raises(GraphError, match="without a positive"):
        rank_all_pairs(lambda r: torch.zeros(len(r), 2), 2, node[:0], node[:0])
    with pytest.raises(GraphError, match="twice"):
        rank_all_pairs(lambda r: torch.zeros(len(r), 2), 2, node, node)
    with pytest.raises(GraphError, match="NaN"):
        rank_all_pairs(lambda r: torch.full((len(r), 2), torch.nan), 2, node[:1], node[:1])
