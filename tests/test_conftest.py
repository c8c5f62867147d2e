"""The poison of conftest.py: it bites where memory is read unwritten, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_fresh_floats_are_nan(dtype: torch.dtype) -> None:
    like = torch.zeros(3, dtype=dtype)
    for fresh in (
        torch.empty(3, dtype=dtype),
        torch.empty_like(like),
        like.new_empty(3),
        like.new_empty((2, 2)),
        torch.empty_strided((2, 2), (2, 1), dtype=dtype),
    ):
        assert fresh.dtype == dtype
        assert fresh.isnan().all()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_fresh_integers_are_large_and_odd(dtype: torch.dtype) -> None:
    fresh = torch.empty(3, dtype=dtype)
    assert (fresh % 2 == 1).all()
    assert (fresh > torch.iinfo(dtype).max // 2).all()


@pytest.mark.parametrize(
    "expression, full, left",
    [("", "0", 1), ("not slow", "0", 1), ("nightly", "0", 2), ("", "1", 2)],
)
def test_nightly_tests_are_taken_by_name_or_in_a_full_run(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, expression, full, left
) -> None:
    plain, nightly = (
        request.node,
        pytest.Function.from_parent(request.node.parent, name="night", callobj=lambda: None),
    )
    nightly.add_marker(pytest.mark.nightly)
    items = [plain, nightly]
    monkeypatch.setenv("CI_FULL", full)
    monkeypatch.setattr(request.config.option, "markexpr", expression)
    conftest = request.config.pluginmanager.get_plugin(str(Path(__file__).parent / "conftest.py"))
    monkeypatch.setattr(request.config.hook, "pytest_deselected", lambda items: None)
    conftest.pytest_collection_modifyitems(request.config, items)
    assert items == [plain, nightly][:left]


def test_tests_that_ask_for_loops_are_noted_and_chosen(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = request.config.pluginmanager
    conftest = manager.get_plugin(str(Path(__file__).parent / "conftest.py"))
    kept = {"graphkit/loops": ["elsewhere", "::plain"]}
    cache = SimpleNamespace(get=kept.get, set=kept.__setitem__)
    diary = conftest.LoopDiary()
    for name, asks in (("::plain", False), ("::looping", True)):
        around = diary.pytest_runtest_protocol(SimpleNamespace(nodeid=name))
        next(around)
        if asks:
            diary.numba()
        with pytest.raises(StopIteration):
            around.send(None)
    config = SimpleNamespace(
        cache=cache,
        option=SimpleNamespace(loops=True, markexpr=""),
        hook=SimpleNamespace(pytest_deselected=lambda items: None),
    )
    diary.pytest_sessionfinish(SimpleNamespace(config=config))
    assert kept["graphkit/loops"] == ["::looping", "elsewhere"]

    class Item(SimpleNamespace):
        __hash__ = object.__hash__

    items = [
        Item(nodeid=name, get_closest_marker=lambda marker: None)
        for name in ("::plain", "::looping")
    ]
    conftest.pytest_collection_modifyitems(config, items)
    assert [one.nodeid for one in items] == ["::looping"]
    kept.clear()
    with pytest.raises(pytest.UsageError, match="run the tests once without it"):
        conftest.pytest_collection_modifyitems(config, items)


def test_parameters_and_gradients_still_work() -> None:
    layer = torch.nn.Linear(3, 2)
    layer(torch.ones(1, 3)).sum().backward()
    assert layer.weight.grad.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert torch.empty(2, requires_grad=True).requires_grad
    cell = torch.nn.GRUCell(2, 2)
    assert cell(torch.ones(1, 2)).isfinite().all()


def test_out_is_left_alone_and_devices_hold() -> None:
    out = torch.zeros(2)
    torch.empty(2, out=out)
    assert out.tolist() == [0, 0]
    with torch.device("meta"):
        assert torch.empty(2).is_meta


def test_compiles_without_graph_break() -> None:
    @torch.compile(fullgraph=True, backend="eager")
    def double(x: torch.Tensor) -> torch.Tensor:
        return torch.empty_like(x).copy_(x) * 2

    assert double(torch.ones(2)).tolist() == [2, 2]


def test_plain_memory_restores_torch(plain_memory: None) -> None:
    assert torch.empty.__name__ == "empty"
    assert not hasattr(torch.empty, "__wrapped__")

    @torch.jit.script
    def fill(x: torch.Tensor) -> torch.Tensor:
        return torch.empty(2).fill_(x.sum())

    assert fill(torch.ones(2)).tolist() == [2, 2]


def test_one_thread_and_fixed_seeds() -> None:
    assert torch.get_num_threads() == 1
    assert torch.initial_seed() == 0
