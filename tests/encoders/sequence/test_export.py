"""Encoders as graphs of operations (torch.export): with a mask wherever without one."""

from __future__ import annotations

import logging

import pytest
import torch

from graphkit.encoders import sequence
from graphkit.registry import names

SMALL: dict[str, dict] = {
    "transformer": {"num_layers": 1},
    "mixer": {"length": 4, "num_layers": 1},
    "skeleton_cnn": {"out_channels": 5, "widths": (4, 6), "kernel_size": 4},
    "tcnca": {"chunk_size": 4, "tcn_layers": 2, "kernel_size": 3, "dilation": 2},
    "gru": {"num_layers": 2},
    "lstm": {"num_layers": 2},
    "bigru": {"num_layers": 2},
    "bilstm": {"num_layers": 2},
}
# How many steps these take turns on what the numbers are, with a mask and without.
TITANS = [name for name in names("sequence_encoder") if name.startswith("titans")]
NOT_TRACED = {"universal_transformer", *TITANS}
TRACED = [name for name in names("sequence_encoder") if name not in NOT_TRACED]


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(3, 6, 8, generator=draw)
    mask = torch.rand(3, 6, generator=draw) < 0.6
    mask[2] = False
    mask[0, :3] = torch.tensor([False, True, True])
    return x, mask, 5 + torch.rand(3, 6, generator=draw).cumsum(1)


@pytest.mark.parametrize("name", TRACED)
def test_an_exported_encoder_gives_what_the_encoder_gives(name: str) -> None:
    torch.manual_seed(0)
    encoder = sequence(name, in_channels=8, **SMALL.get(name, {})).eval()
    x, mask, time = inputs()
    exported = torch.export.export(encoder, (x, mask, time)).module()
    for valid in (mask, ~mask, torch.ones_like(mask)):  # nothing of one mask is in the graph
        torch.testing.assert_close(exported(x, valid, time), encoder(x, valid, time))


@pytest.mark.parametrize("name", sorted(NOT_TRACED))
def test_these_are_not_exported_without_a_mask_either(name: str) -> None:
    encoder = sequence(name, in_channels=8, **SMALL.get(name, {})).eval()
    x, _, time = inputs()
    logging.disable(logging.CRITICAL)  # torch prints the graph so far
    try:
        with pytest.raises(Exception, match="data-dependent"):
            torch.export.export(encoder, (x, None, time))
    finally:
        logging.disable(logging.NOTSET)
