"""Every registered encoder keeps the promises, and the checks catch encoders that do not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graphkit import registry
from graphkit.encoders import sequence
from graphkit.encoders.sequence import (
    GRU,
    CausalConv,
    FeedForward,
    GatedLinearAttention,
    LeakyRNN,
    PositionCode,
    Retention,
    RetNet,
    SelfAttention,
    SequenceEncoder,
    SequenceStack,
    State,
    WithTimeGap,
)
from graphkit.testing import SEQUENCE_ENCODER_CHECKS
from graphkit.testing.sequence_encoder import parameter_formula

# Settings that make an encoder small, beside in_channels=8 of the checks.
SMALL: dict[str, dict] = {
    "aaren": {"num_layers": 1, "heads": 2},
    "gla": {"num_layers": 1, "heads": 2, "conv_kernel": 3},
    "leaky_rnn": {"activation": "tanh"},
    "retnet": {"num_layers": 1, "heads": 2},
    "mixer": {"length": 4, "num_layers": 1},
    "transformer": {"num_layers": 1},
    "paralstm": {"out_channels": 6, "heads": 2},
    "skeleton_cnn": {"out_channels": 5, "widths": (4, 6), "kernel_size": 4},
    "tcnca": {"chunk_size": 4, "tcn_layers": 2, "kernel_size": 3, "dilation": 2},
    "titans_lmm": {"out_channels": 4, "memory_chunk": 16, "memory_heads": 2},
    "titans_mac": {"out_channels": 4, "segment": 16, "heads": 2, "num_persistent": 2},
    "titans_mag": {"out_channels": 4, "memory_chunk": 16, "window": 3, "heads": 2},
    "titans_mal": {"out_channels": 4, "memory_chunk": 16, "window": 3, "heads": 2},
    "universal_transformer": {"out_channels": 4, "max_steps": 3, "heads": 2},
    "urpe_transformer": {"out_channels": 4, "heads": 2, "max_length": 6},
}

MADE = {name: lambda c, name=name: sequence(name, in_channels=c, **SMALL.get(name, {}))
        for name in registry.names("sequence_encoder")}  # fmt: skip
MADE["patches"] = lambda c: sequence("transformer", in_channels=c, num_layers=1, patch_size=2)
MADE["attention"] = lambda c: SelfAttention(c, heads=2)
MADE["retnet in time"] = lambda c: Retention(c, heads=2, bias=True, time_unit=0.5)
MADE["retnet with gates"] = lambda c: RetNet(c, num_layers=1, heads=2, activation="geglu")
MADE["strong gla"] = lambda c: GatedLinearAttention(c, heads=2, tau=0.05)
MADE["leaky in time"] = lambda c: LeakyRNN(
    c, 5, activation="tanh", leak_outside=True, softplus=True, time_unit=0.5
)
MADE["convolution"] = lambda c: CausalConv(c, 3)
MADE["stack"] = lambda c: SequenceStack([PositionCode(c), GRU(c), FeedForward(c)], out_channels=5)
MADE["time gap"] = lambda c: WithTimeGap(GRU(c + 5, 6, num_layers=2), code_channels=4)
MADE["swiglu"] = lambda c: SequenceStack([FeedForward(c, activation="swiglu")], norm="layer")


@pytest.mark.parametrize("check", SEQUENCE_ENCODER_CHECKS)
@pytest.mark.parametrize("name", MADE)
def test_encoder(name: str, check: str) -> None:
    SEQUENCE_ENCODER_CHECKS[check](MADE[name])


@pytest.mark.parametrize("name", registry.names("sequence_encoder"))
def test_learns(name):
    """A second or two of training on the last input of a sequence, for every registered encoder."""
    torch.manual_seed(0)
    encoder = MADE[name](8)
    head = torch.nn.Linear(encoder.out_channels, 1)
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=1e-2)
    mask, time = torch.ones(32, 4, dtype=torch.bool), torch.arange(4.0).expand(32, 4)
    for _ in range(80):
        x = torch.randn(32, 4, 8)
        out = encoder(x, mask, time)[:, -1]
        loss = torch.nn.functional.mse_loss(head(out).squeeze(-1), x[:, -1, 0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        x = torch.randn(32, 4, 8)
        found = head(encoder(x, mask, time)[:, -1]).squeeze(-1)
    assert torch.nn.functional.mse_loss(found, x[:, -1, 0]) < 0.4 * x[:, -1, 0].var()


@pytest.mark.parametrize("name", registry.names("sequence_encoder"))
def test_docstring_counts_the_parameters(name: str) -> None:
    encoder = MADE[name](8)
    assert parameter_formula(encoder) == sum(p.numel() for p in encoder.parameters())


# ------------------------------------------------------------------ broken encoders are caught
class Sum(SequenceEncoder):
    """A linear layer, then the sum so far: sound."""

    forms = frozenset({"parallel", "recurrent"})

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels)
        self.linear = nn.Linear(in_channels, in_channels, bias=False)

    def _start(self, batch, device, dtype):
        return State(torch.zeros(batch, self.in_channels, device=device, dtype=dtype))

    def _step(self, x, state, mask, time):
        total = state[0] + self.linear(x)
        return total, State(total)

    def _parallel(self, x, mask, time, state):
        total = state[0].unsqueeze(1) + self.linear(x).cumsum(1)
        return total, State(total[:, -1])


class LeaksFuture(Sum):
    """Subtracts the mean over the row."""

    forms = frozenset({"parallel"})

    def _parallel(self, x, mask, time, state):
        y, state = super()._parallel(x, mask, time, state)
        return y - y.mean(1, keepdim=True), state


class LeaksPadding(Sum):
    """Has a bias, which it adds up at invalid positions too."""

    def __init__(self, in_channels):
        super().__init__(in_channels)
        self.linear = nn.Linear(in_channels, in_channels)


class ForgetsState(Sum):
    """Begins each call anew."""

    def _parallel(self, x, mask, time, state):
        return super()._parallel(x, mask, time, self.init_state(len(x)))


class WritesIntoState(Sum):
    """Adds in place."""

    def _step(self, x, state, mask, time):
        state[0].add_(self.linear(x))
        return state[0].clone(), state


class MixesRows(Sum):
    """Normalises over the batch."""

    def _step(self, x, state, mask, time):
        y, state = super()._step(x, state, mask, time)
        return y - y.mean(0), state

    def _parallel(self, x, mask, time, state):
        y, state = super()._parallel(x, mask, time, state)
        return y - y.mean(0), state


class Overflows(Sum):
    """Takes the exponential of a sum and its inverse."""

    def _parallel(self, x, mask, time, state):
        y, state = super()._parallel(x, mask, time, state)
        return y + 0 * y.exp() * (-y).exp(), state


class LastOfNothing(Sum):
    """Looks at the last input alone."""

    def _last(self, x, mask, time):
        return self.linear(x[:, -1])


class WrongGradient(Sum):
    """Detaches a part."""

    def _parallel(self, x, mask, time, state):
        y, state = super()._parallel(x, mask, time, state)
        return y * y.detach(), state

    def _step(self, x, state, mask, time):
        y, state = super()._step(x, state, mask, time)
        return y * y.detach(), state


class Random(Sum):
    """Adds noise in evaluation."""

    def _parallel(self, x, mask, time, state):
        y, state = super()._parallel(x, mask, time, state)
        return y + torch.rand_like(y), state


class WrongType(Sum):
    """Computes in float64 always."""

    def _parallel(self, x, mask, time, state):
        y, state = super()._parallel(x, mask, time, state)
        return y.double(), state


class Unreset(Sum):
    """Has a parameter that is not drawn anew."""

    def __init__(self, in_channels):
        super().__init__(in_channels)
        self.scale = nn.Parameter(torch.ones(in_channels))


class WrongFormula(Sum):
    """Parameters: ``2 * in_channels``"""


def test_the_sound_toy_passes() -> None:
    for check in SEQUENCE_ENCODER_CHECKS.values():
        check(Sum)


@pytest.mark.parametrize(
    ("broken", "check", "says"),
    [
        (LeaksFuture, "causality", "later input changes an output"),
        (LeaksFuture, "chaining", "goes on from the state"),
        (LeaksPadding, "padding", "padding .* does not advance the state"),
        (LeaksPadding, "forms", "gives what the others give"),
        (ForgetsState, "chaining", "goes on from the state"),
        (WritesIntoState, "chaining", "changes no state that it was given"),
        (MixesRows, "rows", "a row alone"),
        (Overflows, "long_input", "not finite"),
        (LastOfNothing, "last", "last gives what forward ends with"),
        (WrongGradient, "gradients", "Jacobian mismatch"),
        (Random, "state_dict", "two calls in evaluation differ"),
        (WrongType, "shapes", "in, .* out"),
        (Unreset, "reset_parameters", "'scale' is not drawn anew"),
        (WrongFormula, "state_dict", "by the docstring's formula"),
    ],
)
def test_broken_is_caught(broken: type, check: str, says: str) -> None:
    with pytest.raises((AssertionError, RuntimeError), match=says):
        SEQUENCE_ENCODER_CHECKS[check](broken)


class Deaf(SequenceEncoder):
    """Not causal and says so late."""

    causal = False
    forms = frozenset({"parallel"})

    def _parallel(self, x, mask, time, state):
        return x, state

    def step(self, x_t, state, mask_t=None, time_t=None):
        return x_t, state


def test_a_step_that_cannot_be_is_caught() -> None:
    with pytest.raises(AssertionError, match="refuses step"):
        SEQUENCE_ENCODER_CHECKS["shapes"](Deaf)


class NoMask(Sum):
    """Divides by what is 0 in padding; the state is kept by a product, which NaN survives."""

    def _step(self, x, state, mask, time):
        total = state[0] + self.linear(x / x.abs().sum(-1, keepdim=True))
        if mask is not None:
            total = total * mask.unsqueeze(-1) + state[0] * ~mask.unsqueeze(-1)
        return total, State(total)

    forms = frozenset({"recurrent"})


def test_nan_in_padding_is_caught() -> None:
    with pytest.raises(AssertionError, match=r"recurrent: gradient of 'linear\.weight'"):
        SEQUENCE_ENCODER_CHECKS["empty_row"](NoMask)
