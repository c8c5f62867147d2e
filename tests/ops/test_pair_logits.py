"""The hidden layer of listed pairs: the compiled loop against tensor operations."""

import pytest
import torch

from graphkit.ops.pair_logits import op as module
from graphkit.ops.pair_logits import pair_logits, pair_logits_reference


def inputs(classes=2, width=5, pairs=40, dtype=torch.float64):
    torch.manual_seed(classes)
    left, right, weight, bias = (
        torch.randn(*shape, dtype=dtype).requires_grad_()
        for shape in ((9, width), (8, width), (classes, width), (classes,))
    )
    return left, right, torch.randint(9, (pairs,)), torch.randint(8, (pairs,)), weight, bias


@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("width, pairs", [(5, 40), (1, 1), (33, 7), (4, 0)])
def test_equals_tensor_operations_and_their_gradient(classes, width, pairs):
    given = inputs(classes, width, pairs)
    floats = [given[i] for i in (0, 1, 4, 5)]
    got, want = pair_logits(*given), pair_logits_reference(*given)
    torch.testing.assert_close(got, want)
    weight = torch.randn_like(want)
    for a, b in zip(*(torch.autograd.grad(out, floats, weight) for out in (got, want))):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("pairs", [1, 300])
def test_the_result_may_be_changed_in_place(classes, pairs):
    given = inputs(classes, pairs=pairs)
    want = pair_logits_reference(*given) + 1
    torch.testing.assert_close(pair_logits(*given).add_(1), want)


def test_float32_and_pairs_that_occur_twice():
    given = inputs(pairs=300, dtype=torch.float32)
    assert len(set(zip(given[2].tolist(), given[3].tolist()))) < 300
    got, want = pair_logits(*given), pair_logits_reference(*given)
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)
    for a, b in zip(*(torch.autograd.grad(f.square().sum(), given[0]) for f in (got, want))):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_not_a_number_is_not_cut_off():
    left, right, src, dst, weight, bias = inputs()
    with torch.no_grad():
        left[src[0], 2] = torch.nan
    assert bool(pair_logits(left, right, src, dst, weight, bias)[0].isnan().all())


@pytest.mark.parametrize("row", [-1, 9])
def test_rows_that_are_not_there(row):
    left, right, src, dst, weight, bias = inputs()
    src[3] = row
    with pytest.raises(IndexError):
        pair_logits(left, right, src, dst, weight, bias)


def test_the_path_without_compiled_loops(monkeypatch):
    given = inputs()
    want = pair_logits(*given)
    monkeypatch.setattr(module, "use_compiled", lambda *tensors: False)
    monkeypatch.setattr(module.loops, "forward", None)
    torch.testing.assert_close(pair_logits(*given), want)
