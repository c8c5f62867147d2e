"""Messages say where, what was expected, what was found and what to do; errors survive pickling."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path

import pytest

from graphkit.errors import (
    DatasetNotFoundError,
    GraphError,
    MissingPackageError,
    UnknownNameError,
    require,
)


def test_message_has_every_part() -> None:
    error = GraphError(
        "dst", "an id is wrong", row=7, expected="ids from 0", got=-1, fix="Mend it."
    )
    assert str(error) == "'dst', row 7: an id is wrong; expected ids from 0; got -1. Mend it."
    assert (error.column, error.row, error.expected, error.got) == ("dst", 7, "ids from 0", -1)
    assert isinstance(error, ValueError)


def test_message_leaves_out_what_is_not_known() -> None:
    assert str(GraphError("t", "times are wrong")) == "'t': times are wrong."
    assert str(GraphError("t", "wrong", row=0, got=0)) == "'t', row 0: wrong; got 0."


@pytest.mark.parametrize(
    "error",
    [
        GraphError("t", "wrong", row=1, expected=2, got=3, fix="Mend."),
        UnknownNameError("model", "nta", ["nat", "tgn"]),
        MissingPackageError("dgl", "dgl", OSError("libgraphbolt.so")),
        DatasetNotFoundError("enron", "not at hand", fix="Fetch it."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_pickle_and_copy(error: GraphError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert twin.__dict__ == error.__dict__


def test_children_are_also_what_python_calls_them() -> None:
    with pytest.raises(KeyError):
        raise UnknownNameError("model", "nta", ["nat"])
    with pytest.raises(ImportError):
        raise MissingPackageError("dgl", "dgl")
    with pytest.raises(FileNotFoundError):
        raise DatasetNotFoundError("enron", "not at hand")
    for child in (UnknownNameError, MissingPackageError, DatasetNotFoundError):
        assert issubclass(child, GraphError)


def test_unknown_name_suggests_and_lists() -> None:
    message = str(UnknownNameError("model", "nta", ["tgn", "nat", "edgebank"]))
    assert message == (
        "'model': there is no model named 'nta'. Did you mean 'nat'? Known: edgebank, nat, tgn."
    )
    assert "Did you mean" not in str(UnknownNameError("model", "xyzzy", ["nat"]))
    assert "Known: none" in str(UnknownNameError("model", 3, []))


def test_require_gives_the_module() -> None:
    import math

    assert require("math") is math
    assert require("os.path").__name__ == sys.modules["os.path"].__name__


def test_require_names_the_extra() -> None:
    with pytest.raises(MissingPackageError) as caught:
        require("surely_absent", extra="scale")
    message = str(caught.value)
    assert message == (
        "'surely_absent': this optional package is not installed. "
        'Run pip install "graphkit-temporal[scale]".'
    )
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    with pytest.raises(MissingPackageError, match=r"pip install surely_absent"):
        require("surely_absent.part")  # without an extra: the package itself


@pytest.mark.parametrize(
    "body, named",
    [
        ("raise OSError('cannot load libx.so')", "OSError: cannot load libx.so"),
        ("open('/absent/libx.so')", "FileNotFoundError: "),
        ("raise ImportError('undefined symbol')", "ImportError: undefined symbol"),
        ("raise RuntimeError('built for torch 1.0')", "RuntimeError: built for torch 1.0"),
        ("import numpy; numpy.surely_absent", "AttributeError: "),
        ("import surely_absent", "No module named 'surely_absent'"),
    ],
)
def test_require_tells_broken_from_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, named: str
) -> None:
    (tmp_path / "broken_package.py").write_text(body + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingPackageError) as caught:
        require("broken_package", extra="dgl")
    message = str(caught.value)
    assert "installed but cannot be loaded" in message
    assert named in message
    assert 'pip install "graphkit-temporal[dgl]"' in message
    assert "broken_package" not in sys.modules
