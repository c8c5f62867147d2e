"""Answers: rows, dtypes, joining; class ids survive narrow floating point types."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from graphkit import TemporalGraph, fit
from graphkit.engine.passes import score_pass
from graphkit.engine.runtime import Runtime
from graphkit.errors import GraphError
from graphkit.tasks import NodeClassification
from graphkit.tasks.answer import FIELDS, Answer


def make(rows, seed=0, mask=True, group=True):
    draw = torch.Generator().manual_seed(seed)
    return Answer(
        torch.randn(rows, 3, generator=draw, dtype=torch.bfloat16),
        torch.randint(1 << 40, (rows,), generator=draw),
        torch.rand(rows, generator=draw) < 0.5 if mask else None,
        torch.arange(rows) if group else None,
    )


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.booleans(), st.booleans())
def test_joined_rows_are_those_of_the_parts(sizes, mask, group):
    parts = [make(n, seed, mask, group) for seed, n in enumerate(sizes)]
    whole = Answer.cat(parts)
    assert len(whole) == sum(sizes)
    first = 0
    for part in parts:
        back = whole[first : first + len(part)]
        first += len(part)
        for name in FIELDS:
            a, b = getattr(back, name), getattr(part, name)
            assert (a is None) == (b is None)
            assert a is None or (torch.equal(a, b) and a.dtype == b.dtype)


def test_rows_by_mask_and_by_number():
    answer = make(6)
    for rows in (answer.group > 3, torch.tensor([4, 5])):
        assert answer[rows].group.tolist() == [4, 5]
        assert torch.equal(answer[rows].target, answer.target[4:])
    assert Answer.cat(answer) is answer
    assert answer.to("cpu").mask.dtype == torch.bool


def test_detach():
    prediction = torch.zeros(2, requires_grad=True)
    answer = Answer(prediction, torch.ones(2)).detach()
    assert not answer.prediction.requires_grad
    assert answer.prediction.data_ptr() == prediction.data_ptr()


def test_refusals():
    with pytest.raises(GraphError, match=r"'target'.*3 rows.*got 2"):
        Answer(torch.zeros(3, 4), torch.zeros(2))
    with pytest.raises(GraphError, match="'answers': there is none"):
        Answer.cat([])
    with pytest.raises(GraphError, match=r"'mask'.*got 1 of 2"):
        Answer.cat([make(2), make(2, mask=False)])


class Table(nn.Module):
    """Logits of every node are a parameter; in bfloat16 under mixed precision."""

    def __init__(self, classes):
        super().__init__()
        self.lin = nn.Linear(classes, classes, bias=False)
        nn.init.eye_(self.lin.weight)

    def forward(self, x, edge_index):
        return 8 * self.lin(x)


def test_class_ids_above_256_under_mixed_precision():
    """bfloat16 holds integers up to 256 exactly; 257, 259, ... would turn into their neighbours."""
    classes = 301
    y = torch.arange(2 * classes) % classes
    graph = TemporalGraph(
        [0], [1], [0], num_nodes=len(y), x=nn.functional.one_hot(y, classes).float(), y=y
    )
    ids = torch.arange(len(y))
    split = (ids[:classes], ids[classes : classes + 150], ids[classes + 150 :])
    task = NodeClassification(graph, split=split)
    runtime = Runtime.start("cpu", "bf16-mixed")
    model = Table(classes)
    with runtime.autocast():
        answer = task.score(model, next(task.stream("test").start()))
    assert answer.prediction.dtype == torch.bfloat16
    assert torch.equal(answer.target, y[split[2]])
    found = score_pass(model, task, task.stream("test"), runtime)
    assert torch.equal(found.target, y[split[2]])
    assert task.metrics(found)["accuracy"] == 1.0
    result = fit(model, task, epochs=2, precision="bf16-mixed", device="cpu", progress=False)
    assert result.metrics["test"]["accuracy"] == 1.0
    exact = nn.functional.cross_entropy(answer.prediction.float(), answer.target)
    torch.testing.assert_close(task.loss(answer, len(answer)), exact)
