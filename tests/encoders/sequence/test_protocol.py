"""The rules of the protocol are checked in one place; encoders are made by name."""

from __future__ import annotations

import pytest
import torch

import graphkit.encoders
from graphkit.encoders import sequence
from graphkit.encoders.sequence import GRU, BiGRU, SequenceEncoder, list_sequence_encoders
from graphkit.errors import GraphError, UnknownNameError


def test_the_package_is_called_by_name() -> None:
    encoder = graphkit.encoders.sequence("gru", in_channels=6, out_channels=3)
    assert isinstance(encoder, GRU)
    assert (encoder.in_channels, encoder.out_channels) == (6, 3)
    assert sequence(encoder) is encoder
    assert sequence.GRU is GRU
    assert "gru" in list_sequence_encoders()
    with pytest.raises(UnknownNameError, match="Did you mean 'gru'"):
        sequence("grru", in_channels=6)
    with pytest.raises(TypeError, match=r"settings \(in_channels\) belong to a name"):
        sequence(encoder, in_channels=6)
    with pytest.raises(TypeError, match="num_heads"):
        sequence("gru", in_channels=6, num_heads=2)


@pytest.mark.parametrize("size", [0, -1, 2.5, True, None, "8"])
def test_sizes_are_whole_numbers(size) -> None:
    with pytest.raises(GraphError, match="in_channels"):
        GRU(size)


def test_wrong_input_is_refused() -> None:
    encoder, x = GRU(4), torch.randn(2, 5, 4)
    with pytest.raises(GraphError, match=r"'x'.*\[B, L, C\] with C = 4; got \[2, 5, 3\]"):
        encoder(x[..., :3])
    with pytest.raises(GraphError, match=r"\[B, C\] with C = 4"):
        encoder.step(x, encoder.init_state(2))
    with pytest.raises(TypeError, match="floating"):
        encoder(x.long())
    with pytest.raises(TypeError, match="floating"):
        encoder([[1.0]])
    with pytest.raises(TypeError, match="boolean"):
        encoder(x, mask=torch.ones(2, 5))
    with pytest.raises(GraphError, match=r"'mask'.*\[2, 5\]; got \[2, 4\]"):
        encoder(x, mask=torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(GraphError, match="'time'"):
        encoder(x, time=torch.zeros(5))
    with pytest.raises(GraphError, match=r"no form 'parallel'.*one of recurrent"):
        encoder(x, form="parallel")
    with pytest.raises(GraphError, match=r"another batch.*2 rows; got 3"):
        encoder(x, state=encoder.init_state(3))
    with pytest.raises(GraphError, match="another batch"):
        encoder.step(x[:, 0], encoder.init_state(3))


def test_an_encoder_that_is_not_causal_has_no_state() -> None:
    encoder, x = BiGRU(4), torch.randn(2, 5, 4)
    for call in (
        lambda: encoder.step(x[:, 0], encoder.init_state(2)),
        lambda: encoder(x, return_state=True),
        lambda: encoder(x, state=encoder.init_state(2)),
    ):
        with pytest.raises(GraphError, match=r"BiGRU reads the whole sequence.*not causal"):
            call()


def test_all_hooks_see_clean_input() -> None:
    seen = []

    class Spy(SequenceEncoder):
        forms = frozenset({"parallel"})

        def _parallel(self, x, mask, time, state):
            seen.append((x, mask, time))
            return x, state

    x, mask = torch.full((2, 3, 1), torch.nan), torch.tensor([[True, False, True]] * 2)
    x[mask] = 2.0
    time = torch.where(mask, 7.0, torch.nan)
    y = Spy(1)(x, mask, time)
    assert y.squeeze(-1).tolist() == [[2, 0, 2]] * 2
    assert seen[0][0].squeeze(-1).tolist() == [[2, 0, 2]] * 2
    assert seen[0][2].tolist() == [[7, 0, 7]] * 2
    Spy(1)(y, torch.ones_like(mask))
    assert seen[1][1] is None  # all valid is no mask
