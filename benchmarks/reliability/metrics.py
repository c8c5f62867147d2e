"""Metrics: against brute force, and scikit-learn where it is installed."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.reliability._case import REFUSED, RIGHT, Case, refused
from graphkit.metrics.binary import average_precision, roc_auc
from graphkit.metrics.classification import (
    balanced_accuracy,
    confusion_matrix,
    top_k_accuracy,
    weighted_f1,
)
from graphkit.metrics.forecast import forecast_errors
from graphkit.metrics.ranking import hits_at_k, mrr, ranks
from graphkit.metrics.snapshot_ranking import rank_all_pairs

try:
    import sklearn.metrics as sklearn
except ImportError:
    sklearn = None


def _scores(case: Case, *shape: int, nan: bool = False) -> Tensor:
    """Scores with ties, infinities and neighbours that float32 barely tells apart."""
    count = math.prod(shape)
    pools = [
        [0.0, 1.0],
        [case.draw.gauss(0, 1) for _ in range(max(2, count // 2))],
        [1e30, -1e30, math.inf, -math.inf, 0.0, 1e-40],
        [20.0, 20.000002, 40.0, 90.0],
    ]
    pool = case.draw.choice(pools)
    values = [case.draw.choice(pool) for _ in range(count)]
    if nan:
        values[case.draw.randrange(count)] = math.nan
    dtype = case.draw.choice([torch.float32, torch.float64])
    return torch.tensor(values, dtype=dtype).view(*shape)


def _close(case: Case, name: str, got: float, expected: float, within: float = 1e-6) -> None:
    same = math.isclose(got, expected, rel_tol=within, abs_tol=within)
    case.check(same, f"{name} is {got}, not {expected}")


def binary(case: Case) -> str:
    """AP and AUC, with ties, infinite scores and NaN."""
    sizes = [case.draw.randint(0 if case.chance(0.1) else 1, 3 * case.size) for _ in range(2)]
    bad = case.chance(0.1)
    true, false = _scores(case, sizes[0], nan=bad and sizes[0] > 0), _scores(case, sizes[1])
    false = false.to(true.dtype)
    case.tell(true=true.tolist(), false=false.tolist(), dtype=str(true.dtype))
    wrong = 0 in sizes or bool(true.isnan().any())
    with refused(case, wrong, "a side is empty or a score is NaN") as message:
        ap, auc = average_precision(true, false), roc_auc(true, false)
    if message:
        return REFUSED
    scores = [(s, 1) for s in true.tolist()] + [(s, 0) for s in false.tolist()]
    total = 0.0
    for level in sorted({s for s, _ in scores}):
        reached = [y for s, y in scores if s >= level]
        here = sum(y for s, y in scores if s == level)
        total += here / sizes[0] * sum(reached) / len(reached)
    pairs = itertools.product(true.tolist(), false.tolist())
    wins = sum((a > b) + 0.5 * (a == b) for a, b in pairs)
    _close(case, "AP", ap, total)
    _close(case, "AUC", auc, wins / (sizes[0] * sizes[1]))
    if sklearn is not None and bool(torch.cat([true, false]).isfinite().all()):
        y, s = [label for _, label in scores], [score for score, _ in scores]
        _close(case, "AP of scikit-learn", ap, sklearn.average_precision_score(y, s))
        _close(case, "AUC of scikit-learn", auc, sklearn.roc_auc_score(y, s))
    return RIGHT


def candidates(case: Case) -> str:
    """Ranks, MRR and hits among candidates; ties get the mean of their places."""
    rows, columns = case.draw.randint(1, case.size), case.draw.randint(1, 2 * case.size)
    scores = _scores(case, rows, columns, nan=case.chance(0.1))
    case.tell(scores=scores.tolist())
    k = case.draw.randint(1, columns)
    with refused(case, bool(scores.isnan().any()), "a score is NaN") as message:
        got = ranks(scores).tolist(), mrr(scores), hits_at_k(scores, k)
    if message:
        return REFUSED
    expected = []
    for positive, *rest in scores.tolist():
        above, equal = sum(s > positive for s in rest), sum(s == positive for s in rest)
        expected.append(1 + above + equal / 2)
    case.check(got[0] == expected, f"ranks are {got[0]}, not {expected}")
    _close(case, "MRR", got[1], sum(1 / r for r in expected) / rows)
    _close(case, f"hits@{k}", got[2], sum(r <= k for r in expected) / rows)
    return RIGHT


def classes(case: Case) -> str:
    """Confusion matrix, F1, balanced accuracy and top-k, with classes that do not occur."""
    rows, number = case.draw.randint(1, 3 * case.size), case.draw.randint(2, 5)
    scores, y = _scores(case, rows, number), case.integers(0, number, rows)
    k = case.draw.randint(1, number)
    case.tell(scores=scores.tolist(), y=y.tolist(), k=k)
    order = [sorted(range(number), key=lambda c: (-row[c], c)) for row in scores.tolist()]
    said, true = [o[0] for o in order], y.tolist()
    counts = [[0] * number for _ in range(number)]
    for a, b in zip(true, said):
        counts[a][b] += 1
    case.check(confusion_matrix(scores, y).tolist() == counts, "another confusion matrix")
    top = sum(t in o[:k] for t, o in zip(true, order)) / rows
    _close(case, "top-k", top_k_accuracy(scores, y, k), top)
    there = sorted(set(true))
    recall = [sum(a == b == c for a, b in zip(true, said)) / true.count(c) for c in there]
    _close(case, "balanced accuracy", balanced_accuracy(scores, y), sum(recall) / len(there))
    f1 = [2 * counts[c][c] / (true.count(c) + said.count(c)) * true.count(c) for c in there]
    _close(case, "weighted F1", weighted_f1(scores, y), sum(f1) / rows)
    if sklearn is not None:
        theirs = sklearn.f1_score(true, said, average="weighted", zero_division=0)
        _close(case, "weighted F1 of scikit-learn", weighted_f1(scores, y), theirs)
        if len(set(true) | set(said)) == len(there):
            theirs = sklearn.balanced_accuracy_score(true, said)
            _close(case, "balanced accuracy of scikit-learn", balanced_accuracy(scores, y), theirs)
    return RIGHT


def forecasts(case: Case) -> str:
    """MAE, RMSE, MAPE and WAPE of every step ahead, over valid targets only."""
    shape = case.draw.randint(1, case.size), case.draw.randint(1, 3), case.draw.randint(1, 3)
    pool = [0.0, 0.0, 1e-5, 3.5, -2.0, 4000.0, math.nan]
    count = math.prod(shape)
    target = torch.tensor([case.draw.choice(pool) for _ in range(count)]).view(shape)
    pred = torch.randn(shape, generator=case.torch)
    mask = torch.rand(shape, generator=case.torch) < 0.8 if case.chance(0.5) else None
    null = case.draw.choice([None, 0.0, math.nan])
    case.tell(target=target.tolist(), pred=pred.tolist(), null_value=null)
    case.tell(mask=None if mask is None else mask.tolist())
    got = {
        name: value.tolist() for name, value in forecast_errors(pred, target, mask, null).items()
    }
    for step in range(shape[1]):
        valid = []
        for q, n in itertools.product(range(shape[0]), range(shape[2])):
            y, p = float(target[q, step, n]), float(pred[q, step, n])
            missing = math.isnan(y) or y == null or (mask is not None and not mask[q, step, n])
            if not missing:
                valid.append((p, y))
        errors = [abs(p - y) for p, y in valid]
        large = [abs(p - y) / abs(y) for p, y in valid if abs(y) >= 1e-3]
        truth = sum(abs(y) for _, y in valid)
        expected = {
            "mae": sum(errors) / len(valid) if valid else math.nan,
            "rmse": math.sqrt(sum(e * e for e in errors) / len(valid)) if valid else math.nan,
            "mape": sum(large) / len(large) if large else math.nan,
            "wape": sum(errors) / truth if truth else math.nan,
        }
        for name, value in expected.items():
            mine = got[name][step]
            same = (
                math.isnan(mine) if math.isnan(value) else math.isclose(mine, value, rel_tol=1e-5)
            )
            case.check(same, f"{name} of step {step} is {mine}, not {value}")
    return RIGHT


def all_pairs(case: Case) -> str:
    """AP and MRR of the pairs of a snapshot among all pairs, in tiles of any size."""
    nodes = case.draw.randint(2, 3 + case.size // 2)
    matrix = _scores(case, nodes, nodes)
    flat = case.draw.sample(range(nodes * nodes), case.draw.randint(1, nodes))
    src, dst = (torch.tensor(side) for side in zip(*(divmod(p, nodes) for p in flat)))
    tile, keep = case.draw.choice([1, 7, 1 << 20]), case.draw.choice([0, 1 << 24])
    case.tell(scores=matrix.tolist(), src=src.tolist(), dst=dst.tolist(), tile=tile, keep=keep)
    got = rank_all_pairs(lambda rows: matrix[rows], nodes, src, dst, tile=tile, keep=keep)
    truth = np.zeros(nodes * nodes, dtype=int)
    truth[flat] = 1
    scores: Any = matrix.reshape(-1).tolist()
    total = 0.0
    for level in sorted({scores[p] for p in flat}):
        reached = [y for s, y in zip(scores, truth) if s >= level]
        here = sum(s == level for s in (scores[p] for p in flat))
        total += here / len(flat) * sum(reached) / len(reached)
    _close(case, "AP", got.ap, total)
    if sklearn is not None and bool(matrix.isfinite().all()):
        _close(case, "AP of scikit-learn", got.ap, sklearn.average_precision_score(truth, scores))
    for name, drops in (("mrr", False), ("mrr_filtered", True)):
        rows = []
        for source in sorted(set(src.tolist())):
            mine = [d for s, d in zip(src.tolist(), dst.tolist()) if s == source]
            inverse = []
            for d in mine:
                rivals = [c for c in range(nodes) if c != d and not (drops and c in mine)]
                line, own = matrix[source].tolist(), float(matrix[source, d])
                above, equal = (
                    sum(line[c] > own for c in rivals),
                    sum(line[c] == own for c in rivals),
                )
                inverse.append(1 / (1 + above + equal / 2))
            rows.append(sum(inverse) / len(inverse))
        _close(case, name, getattr(got, name), sum(rows) / len(rows))
    return RIGHT


KINDS = {
    "binary": binary,
    "candidates": candidates,
    "classes": classes,
    "forecasts": forecasts,
    "all_pairs": all_pairs,
}
