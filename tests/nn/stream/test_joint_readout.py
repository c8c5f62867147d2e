"""Readouts against loops over dictionaries, entry by entry, on both paths."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import graphkit.nn.stream.joint_readout as module
from graphkit.errors import GraphError
from graphkit.nn.stream import AttentionReadout, CodeReadout, JointView, NCache, RecencyReadout
from graphkit.nn.stream.joint_readout import strength, unique_codes

_spec = importlib.util.spec_from_file_location("naive_nat", Path(__file__).parent / "naive_nat.py")
naive = sys.modules["naive_nat"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(naive)
Event, Item = naive.Event, naive.Item

CHANNELS, OUT, GROUPS, NODES = 3, 6, 96, 14
SLOTS = [(8, 4), (8, 5), (4, 0), (4, 8)]
READOUTS = {"recency": RecencyReadout, "code": CodeReadout, "attention": AttentionReadout}


@pytest.fixture(params=["compiled", "torch"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "torch":
        monkeypatch.setattr(module, "use_compiled", lambda *tensors: False)
    return request.param


class Case:
    """A cache after some events, as tensors and as dictionaries, and pairs to ask about.

    Node 13 has no history; some pairs are a node and itself; the vectors are arbitrary.
    """

    def __init__(self, num_slots: tuple[int, int], keep_count: bool = True, seed: int = 0):
        draw = torch.Generator().manual_seed(seed)
        cache = NCache(NODES, CHANNELS, num_slots, 1.0, keep_count=keep_count)
        self.truth = naive.DictCache(num_slots, CHANNELS)
        for i in range(40):
            pair = torch.randint(NODES - 1, (2,), generator=draw)
            node, row = pair.unique(return_inverse=True)
            rows = cache.read(node)
            new = rows.vector.transpose(0, 1).contiguous()
            event = torch.tensor([i])
            cache.write(rows, new, row[:1], row[1:], event)
            self.truth.write([Event(*pair.tolist(), i, 0)], lambda o, k, a, e, t: e.vector)
        self.cache, self.num_slots = cache, num_slots
        self.u = torch.randint(NODES, (25,), generator=draw)
        self.v = torch.randint(NODES, (25,), generator=draw)
        self.u[:4] = torch.tensor([13, 13, 2, 13])
        self.v[:4] = torch.tensor([2, 13, 2, 5])
        rows = cache.read(torch.arange(NODES))
        valid = (rows.key >= 0).float()
        vector = torch.randn(CHANNELS, *valid.shape, generator=draw) * valid
        group = torch.randint(GROUPS, valid.shape, generator=draw) * valid.long()
        key = rows.key.clone()
        key[:, 0] = torch.arange(NODES)
        self.view = JointView(
            key=key,
            group=group,
            num_groups=GROUPS,
            valid=valid,
            vector=vector.requires_grad_(),
            vector_sum=vector.sum(2),
            u=self.u,
            v=self.v,
            num_slots=num_slots,
            slot1=cache.slot1,
            strength=strength(rows.count) if keep_count else None,
        )
        self.keep_count = keep_count

    def items(self, node: int) -> list[Item]:
        items, (m1, _) = [], self.num_slots
        for k in range(3):
            for key, entry in self.truth.entries(node, k).items():
                c = self.truth.slot(k, key) + (0, 1, 1 + m1)[k]
                assert self.view.key[node, c] == key
                vector, group = self.view.vector[:, node, c], int(self.view.group[node, c])
                items.append(Item(k, key, vector, group, entry.count if self.keep_count else 0))
        return items

    def slowly(self, readout: torch.nn.Module) -> Tensor:
        ask = naive.READOUTS[type(readout).__name__]
        pairs = zip(self.u.tolist(), self.v.tolist())
        return torch.stack([ask(readout, self.truth, self.items, u, v) for u, v in pairs])


@pytest.mark.parametrize("keep_count", [True, False])
@pytest.mark.parametrize("num_slots", SLOTS, ids=str)
@pytest.mark.parametrize("name", READOUTS)
def test_equals_a_loop_over_dictionaries(path, name: str, num_slots, keep_count: bool):
    case = Case(num_slots, keep_count)
    readout = READOUTS[name](CHANNELS, OUT, GROUPS)
    out, expected = readout(case.view), case.slowly(readout)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
    wanted = [case.view.vector, *readout.parameters()]
    grad = torch.randn(out.shape)
    got = list(torch.autograd.grad(out, wanted, grad))
    got[0] = got[0] * case.view.valid  # what stands in empty slots is zero, whatever its gradient
    for a, b in zip(got, torch.autograd.grad(expected, wanted, grad)):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("num_slots", SLOTS, ids=str)
def test_both_paths_agree_beyond_rounding(num_slots, monkeypatch: pytest.MonkeyPatch):
    case = Case(num_slots, seed=1)
    readout = RecencyReadout(CHANNELS, OUT, GROUPS)
    a = readout(case.view)
    monkeypatch.setattr(module, "use_compiled", lambda *tensors: False)
    torch.testing.assert_close(a, readout(case.view), rtol=1e-6, atol=1e-6)


def test_listed_places_equal_the_histogram(path):
    case = Case((8, 4))
    readout = RecencyReadout(CHANNELS, OUT, GROUPS)
    row, column = case.view.valid.nonzero().unbind(1)
    place = case.view.hop[column] * GROUPS + case.view.group[row, column]
    listed = replace(case.view, places=(place, row))
    torch.testing.assert_close(readout(listed), readout(case.view))
    counts = torch.zeros(NODES, 3 * GROUPS)
    for r, p in zip(row.tolist(), place.tolist()):
        counts[r, p] += 1
    assert torch.equal(case.view.histogram(), counts)


@pytest.mark.parametrize("num_slots", SLOTS, ids=str)
def test_codes_equal_a_join_by_sorting(num_slots):
    """The authors' way: list (pair, key, bit), make it unique, add the bits of every key."""
    case = Case(num_slots, seed=2)
    code, counted = unique_codes(case.view)
    key = torch.cat([case.view.key[case.u], case.view.key[case.v]], dim=1)
    place = torch.cat([case.view.hop, case.view.hop + 3])
    for p in range(len(case.u)):
        here = key[p] >= 0
        unique, inverse = key[p][here].unique(return_inverse=True)
        total = torch.zeros(len(unique), dtype=torch.int64)
        total.scatter_add_(0, inverse, (1 << place)[here])
        got = dict(zip(key[p][counted[p]].tolist(), code[p][counted[p]].tolist()))
        assert got == dict(zip(unique.tolist(), total.tolist()))
        assert int(counted[p].sum()) == len(unique), "every key counts once"
        assert got == naive.codes(case.truth, int(case.u[p]), int(case.v[p]))


def view_of(cache: NCache, u: int, v: int) -> JointView:
    rows = cache.read(torch.arange(cache.num_nodes))
    key = rows.key.clone()
    key[:, 0] = rows.node
    valid = (rows.key >= 0).float()
    vector = torch.zeros(1, *valid.shape)
    u, v = torch.tensor([u]), torch.tensor([v])
    return JointView(
        key, key.long() * 0, 2, valid, vector, vector.sum(2), u, v, cache.num_slots, cache.slot1
    )


def codes_of(view: JointView) -> dict[int, int]:
    code, counted = unique_codes(view)
    key = torch.cat([view.key[view.u], view.key[view.v]], dim=1)
    return dict(zip(key[counted].tolist(), code[counted].tolist()))


def test_codes_by_hand():
    """u-a, v-a, v-b, in this order."""
    u, v, a, b = 0, 1, 2, 3
    cache = NCache(4, 1, (128, 64), 1.0)
    assert len({int(s) for s in cache.slot1}) == 4, "no collisions"
    for i, (x, y) in enumerate([(u, a), (v, a), (v, b)]):
        rows, at = cache.read(torch.tensor([x, y])), torch.tensor([0])
        cache.write(rows, torch.zeros(1, 2, 193), at, at + 1, torch.tensor([i]))
    u0, u1, u2, v0, v1, v2 = (1 << k for k in range(6))
    # v met a when a knew u: u is in v's hop 2. b met v when v knew a: not asked here.
    codes = codes_of(view_of(cache, u, v))
    assert codes == {u: u0 | v2, v: v0, a: u1 | v1, b: v1}
    swapped = codes_of(view_of(cache, v, u))
    assert swapped == {k: c >> 3 | (c & 7) << 3 for k, c in codes.items()}
    codes = codes_of(view_of(cache, b, u))
    assert codes == {b: u0, v: u1, a: u2 | v1, u: v0}


def test_every_code_says_which_hops():
    """The 63 codes that occur stand for the 63 ways to be in some of six hops."""
    seen = {sum(1 << i for i in range(6) if (n >> i) & 1) for n in range(1, 64)}
    assert seen == set(range(1, 64))
    u, v = torch.tensor([[5, 5, 5]]), torch.tensor([[5, 5, 5]])  # one slot per hop: hop 0, 1, 2
    found = set()
    for code in range(1, 64):
        key = torch.stack(
            [
                torch.where(torch.tensor([(code >> i) & 1 for i in places]) > 0, w, -1)
                for places, w in (((0, 1, 2), u[0]), ((3, 4, 5), v[0]))
            ]
        ).to(torch.int32)
        key[:, 0] = torch.where(key[:, 0] == 5, 5, torch.tensor([0, 1]))  # always a node
        view = JointView(
            key, key.long() * 0, 2, (key >= 0).float(), None, None, torch.tensor([0]),
            torch.tensor([1]), (1, 1), torch.zeros(6, dtype=torch.uint8),
        )  # fmt: skip
        found.add(codes_of(view)[5])
    assert found == seen


@pytest.mark.parametrize("name", READOUTS)
def test_pairs_without_any_history_are_finite(path, name: str):
    case = Case((8, 4))
    view = replace(case.view, u=torch.tensor([13, 13]), v=torch.tensor([13, 13]))
    readout = READOUTS[name](CHANNELS, OUT, GROUPS)
    out = readout(view)
    assert bool(out.isfinite().all())
    out.square().sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in readout.parameters() if p.grad is not None)
    if name == "attention":
        assert out.tolist() == [[0.0] * OUT] * 2


def test_attention_weights_add_up_to_one():
    """With a constant value every softmax-weighted mean is that constant."""
    case = Case((8, 4))
    readout = AttentionReadout(CHANNELS, OUT, GROUPS)
    with torch.no_grad():
        readout.lin.weight.fill_(1.0)
        readout.code.weight.zero_()
        readout.age.weight.zero_()
        case.view.vector.copy_(case.view.valid.expand(CHANNELS, -1, -1))
    out = readout(case.view)
    alone = (case.u == 13) & (case.v == 13)
    assert int(alone.sum()) > 0
    torch.testing.assert_close(out[~alone], torch.full_like(out[~alone], CHANNELS))


def test_no_pairs(path):
    case = Case((8, 4))
    none = torch.empty(0, dtype=torch.int64)
    view = replace(case.view, u=none, v=none)
    for kind in READOUTS.values():
        assert kind(CHANNELS, OUT, GROUPS)(view).shape == (0, OUT)


def test_strength():
    count = torch.arange(256, dtype=torch.uint8)
    expected = [0, *(min(5, n.bit_length() - 1) for n in range(1, 256))]
    assert strength(count).tolist() == expected
    assert strength(count.view(16, 16)).shape == (16, 16)
    assert strength(count).dtype == torch.uint8


@pytest.mark.parametrize("name", READOUTS)
def test_reset_parameters_draws_everything_anew(name: str):
    readout = READOUTS[name](CHANNELS, OUT, GROUPS)
    with torch.no_grad():
        for p in readout.parameters():
            p.fill_(float("nan"))
    readout.reset_parameters()
    assert all(bool(p.isfinite().all()) for p in readout.parameters())


def test_refusals():
    with pytest.raises(GraphError, match="multiple of heads=2"):
        AttentionReadout(3, 5, 4, heads=2)


@pytest.mark.parametrize("name", READOUTS)
def test_gpu_equals_cpu(cuda: torch.device, name: str):
    case = Case((8, 4))
    readout = READOUTS[name](CHANNELS, OUT, GROUPS)
    here = readout(case.view)
    moved = {
        k: x.to(cuda) for k, x in vars(case.view).items() if isinstance(x, Tensor) and k != "hop"
    }
    there = readout.to(cuda)(replace(case.view, **moved))
    torch.testing.assert_close(here, there.cpu(), rtol=1e-5, atol=1e-5)
