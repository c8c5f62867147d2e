"""A module can be made again from the record of its constructor's arguments."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from graphkit import registry
from graphkit.errors import GraphError, UnknownNameError
from graphkit.recipe import make, recipe_of


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that a test registers are gone after it."""
    for kind in ("model", "layer"):
        monkeypatch.setitem(registry._entries, kind, dict(registry._entries[kind]))


def again(module: nn.Module) -> nn.Module:
    tensors: dict[str, Tensor] = {}
    recipe = recipe_of(module, tensors)
    return make(json.loads(json.dumps(recipe, allow_nan=False)), tensors)


class _Inner(nn.Module):
    def __init__(self, width: int = 2) -> None:
        super().__init__()
        self.width = width
        self.weight = nn.Parameter(torch.randn(width))


class _Outer(nn.Module):
    def __init__(self, first, *, inner=None, **rest) -> None:
        super().__init__()
        self.first, self.inner, self.rest = first, inner, rest


VALUES = [
    None, True, 3, 2.5, math.inf, "text", [1, "a", [2.0]], (1, (2, 3)), {"a": (1,), "of": [2]},
    range(1, 9, 2), slice(0, None, 2), torch.float64, np.int64(7), np.float32(0.5),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_plain_values_come_back_equal_and_of_their_type(kinds: None, value: object) -> None:
    registry.register("layer", "outer")(_Outer)
    found = again(_Outer(value, extra=value))
    expected = value.item() if isinstance(value, np.generic) else value
    assert found.first == expected == found.rest["extra"]
    assert type(found.first) is type(expected)


def test_tensors_and_modules_and_classes(kinds: None) -> None:
    registry.register("layer", "outer")(_Outer)
    registry.register("layer", "inner")(_Inner)
    given = torch.arange(6.0).view(2, 3).t()
    module = _Outer({"table": given}, inner=_Inner(width=5), kind=_Inner)
    found = again(module)
    assert torch.equal(found.first["table"], given)
    assert isinstance(found.inner, _Inner)
    assert found.inner.width == 5
    assert found.rest["kind"] is _Inner
    found.load_state_dict(module.state_dict())
    assert torch.equal(found.inner.weight, module.inner.weight)


def test_defaults_of_the_day_are_written(kinds: None) -> None:
    registry.register("layer", "inner")(_Inner)
    assert recipe_of(_Inner(), {})["arguments"] == {"width": 2}


def test_a_list_that_changes_later_does_not_change_the_record(kinds: None) -> None:
    registry.register("layer", "outer")(_Outer)
    sizes = [1, 2]
    module = _Outer(sizes)
    sizes.append(3)
    assert again(module).first == [1, 2]


def test_what_is_not_registered_is_refused(kinds: None) -> None:
    registry.register("layer", "outer")(_Outer)

    class Sub(_Outer):
        pass

    with pytest.raises(GraphError, match=r"Sub is not registered.*open\(folder, model=") as caught:
        recipe_of(Sub(1), {})
    assert caught.value.column == "model"
    with pytest.raises(GraphError, match=r"'inner\.': _Inner is not registered"):
        recipe_of(_Outer(1, inner=_Inner()), {})
    with pytest.raises(GraphError, match=r"'first\.1'.*cannot be written to a file \(object\)"):
        recipe_of(_Outer([1, object()]), {})


def test_a_recipe_imports_nothing_and_is_checked(kinds: None) -> None:
    with pytest.raises(UnknownNameError, match="os"):
        make({"kind": "layer", "name": "os.system", "arguments": {}}, {})
    for broken in ({}, {"kind": "dataset", "name": "triadic", "arguments": {}}, 3):
        with pytest.raises(GraphError, match="not the recipe of a module"):
            make(broken, {})
    registry.register("layer", "inner")(_Inner)
    with pytest.raises(GraphError, match="this version of _Inner takes other arguments"):
        make({"kind": "layer", "name": "inner", "arguments": {"depth": 3}}, {})
    with pytest.raises(GraphError, match="not a value of a recipe"):
        make({"kind": "layer", "name": "inner", "arguments": {"width": {"of": "eval"}}}, {})


def test_wrong_arguments_fail_as_before(kinds: None) -> None:
    registry.register("layer", "inner")(_Inner)
    with pytest.raises(TypeError, match="depth"):
        _Inner(depth=3)
