from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

import graphkit.nn.stream.event_features as event_features
from graphkit.errors import GraphError
from graphkit.nn.stream import EventFeatures


class Model(nn.Module):
    """Refers to whatever it is told to."""

    def __init__(self, channels: int = 2) -> None:
        super().__init__()
        self.register_buffer("known", torch.zeros(0, dtype=torch.int64))
        self.features = EventFeatures(channels, self.referred)

    def referred(self) -> Tensor:
        return self.known


def row(number: Tensor) -> Tensor:
    """The features of an event."""
    return torch.stack([number.float(), number.float() * -3], dim=-1)


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_features, "_FEW", 16)


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("spread", [1000, 0], ids=["by table", "by search"])
@pytest.mark.parametrize("first", [0, 2**40])
def test_equals_a_dictionary_of_everything(
    spread: int, first: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(event_features, "_SPREAD", spread)
    draw = torch.Generator().manual_seed(0)
    model, seen, most = Model(), first, 0
    model.features._next_look = 16
    for size in [1, 7, 0, 30, 2, 11] * 40:
        number = torch.arange(seen, seen + size)
        model.features.append(number, row(number))
        seen += size
        # A few references: the first stays for good, others come (at times not to the latest
        # events) and go.
        recent = number[: size // 2] if size else number
        kept = model.known[torch.randperm(len(model.known), generator=draw)[:20]]
        model.known = torch.cat([torch.tensor([first, -1]), kept, recent])
        asked = model.known[model.known >= 0]
        assert torch.equal(model.features(asked.view(1, -1))[0], row(asked))
        padding = torch.tensor([-1, 0, seen + 5])
        assert bool(model.features(padding).isfinite().all())
        most = max(most, len(model.features))
    assert most < 300 < seen - first  # what is not referred to has been dropped
    assert model.features._gaps
    assert (model.features.place is None) == (spread == 0)
    model.features.compact()
    assert torch.equal(model.features.number, model.known[model.known >= 0].unique())
    assert torch.equal(model.features.value, row(model.features.number))
    assert model.features._room() == len(model.features)
    asked = model.known[model.known >= 0]
    assert torch.equal(model.features(asked), row(asked))


@pytest.mark.usefixtures("_small")
def test_work_is_amortised():
    """Rows that are all referred to are looked at a logarithmic number of times."""
    model, looks = Model(), []
    model.features._referred = lambda: looks.append(1) or model.features.number
    for start in range(0, 4000, 10):
        number = torch.arange(start, start + 10)
        model.features.append(number, row(number))
    assert len(looks) <= 9
    assert model.features._room() <= 2 * 4000


def test_events_that_are_still_to_come():
    model = Model()
    asked = torch.tensor([[0, 3], [4, 6], [-1, 5]])
    ahead = (torch.tensor(4), row(torch.arange(4, 7)))
    found = model.features(asked, ahead)  # nothing is held yet
    assert torch.equal(found[1], row(asked[1]))
    model.features.append(torch.arange(4), row(torch.arange(4)))
    found = model.features(asked, ahead)
    assert torch.equal(found[:2], row(asked[:2]))
    assert torch.equal(found[2, 1], row(torch.tensor(5)))
    assert len(model.features) == 4
    none = (torch.tensor(4), torch.zeros(0, 2))
    assert torch.equal(model.features(asked[0], none), row(asked[0]))


def test_a_state_dict_holds_what_is_referred_to_and_loads_anywhere():
    model = Model()
    model.features.append(torch.arange(500), row(torch.arange(500)))
    model.known = torch.tensor([7, 400, 7])
    state = model.state_dict()
    assert state["features.number"].tolist() == [7, 400]
    assert state["features.value"].untyped_storage().nbytes() == 16  # no spare memory is saved
    other = Model()
    other.features.append(torch.arange(3), row(torch.arange(3)))
    other.known = torch.zeros(3, dtype=torch.int64)
    other.load_state_dict(state)
    for m in (model, other, copy.deepcopy(other)):
        m.features.append(torch.arange(500, 510), row(torch.arange(500, 510)))
        asked = torch.tensor([400, 7, 509, 500])
        assert torch.equal(m.features(asked), row(asked))
    with pytest.raises(RuntimeError, match="size mismatch"):
        Model(3).load_state_dict(state)


def test_a_copy_asks_its_own_model():
    model = Model()
    model.features.append(torch.arange(5), row(torch.arange(5)))
    twin = copy.deepcopy(model)
    twin.known = torch.tensor([3])
    assert len(twin.state_dict()["features.number"]) == 1
    assert len(model.features) == 5


def test_reset_and_precision():
    model = Model()
    model.features.append(torch.arange(5), row(torch.arange(5)))
    model.to(torch.bfloat16)
    model.features.append(torch.arange(5, 7), row(torch.arange(5, 7)))
    assert model.features(torch.tensor([6, 2])).tolist() == [[6, -18], [2, -6]]
    model.features.reset_state()
    assert len(model.features) == 0
    assert model.features(torch.tensor([3])).tolist() == [[0, 0]]
    model.features.append(torch.arange(3), row(torch.arange(3)))  # from 0 again
    assert model.features(torch.tensor([2])).tolist() == [[2, -6]]


def test_in_inference_mode():
    model = Model()
    for start in range(0, 40, 4):
        with torch.inference_mode(start % 8 == 0):
            number = torch.arange(start, start + 4)
            model.features.append(number, row(number))
            model.known = number.clone()
            if start == 24:
                model.features.compact()
    assert torch.equal(model.features(model.known), row(model.known))


def test_no_features_at_all():
    with pytest.raises(GraphError, match="edge_dim"):
        Model(0)
