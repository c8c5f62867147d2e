"""Ends and times of a question that do not belong together, in every stream model."""

import pytest
import torch

from graphkit import load
from graphkit.errors import GraphError
from graphkit.nn.stream import check_pairs
from graphkit.registry import get

FIVE = torch.arange(5)
WRONG = [
    (FIVE, FIVE[:3], FIVE, r"'dst'.*\[5\] or \[5, C\].*got \[3\]"),
    (FIVE, FIVE.view(1, 5), FIVE, r"'dst'.*got \[1, 5\]"),
    (FIVE, FIVE, FIVE[:1], r"'t'.*got \[1\]"),
    (FIVE.view(5, 1), FIVE, FIVE, r"'src'.*got \[5, 1\]"),
]


@pytest.mark.parametrize(("src", "dst", "t", "message"), WRONG)
def test_check_pairs(src, dst, t, message):
    with pytest.raises(GraphError, match=message):
        check_pairs(src, dst, t)


def test_what_fits():
    check_pairs(FIVE, FIVE, FIVE)
    check_pairs(FIVE, FIVE.expand(3, 5).t(), FIVE)
    check_pairs(FIVE[:0], FIVE[:0], FIVE[:0])


@pytest.mark.parametrize("name", ["nat", "tgn", "edgebank", "history"])
def test_models_say_so(name):
    model = get("model", name).from_graph(load("triadic", num_events=50, num_nodes=10))
    with pytest.raises(GraphError, match="'dst'"):
        model.score(FIVE, FIVE[:3], FIVE)
