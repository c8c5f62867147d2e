"""Encoders without a past: the last snapshot, or all of them, each by itself."""

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.nn.snapshot import OneByOne


class Doubled(OneByOne):
    def embed(self, snapshot):
        return 2 * snapshot


def test_reads_the_last_or_each():
    encoder, given = Doubled(), list(torch.arange(6.0).view(3, 2))
    out, state = encoder(given, state="ignored")
    assert torch.equal(out, 2 * given[-1])
    assert state == encoder.start(7) == ()
    every, _ = encoder(given, outputs="all")
    assert all(torch.equal(a, 2 * b) for a, b in zip(every, given))
    with pytest.raises(GraphError, match="there is none"):
        encoder([])
