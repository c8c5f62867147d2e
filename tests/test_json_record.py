"""Records with checksums."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphkit.errors import GraphError, MissingFileError
from graphkit.json_record import opened, read_json, sealed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text().filter(lambda key: key != "sha256"), VALUES, max_size=5))
def test_a_record_comes_back_through_text(record):
    assert opened(json.loads(json.dumps(sealed(record), indent=1)), "r.json") == record
    assert opened(record, "r.json") == record, "of an older version"


@given(VALUES, VALUES)
def test_a_changed_value_is_noticed(a, b):
    whole = sealed({"value": a})
    whole["value"] = b
    if json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True):
        assert opened(whole, "r.json") == {"value": a}
    else:
        with pytest.raises(GraphError, match=r"'r\.json': r\.json is damaged \(its content"):
            opened(whole, "r.json")


def test_a_checksum_under_another_name_is_noticed():
    """One damage to the name of the checksum and one to a value would pass together."""
    whole = sealed({"value": 1})
    with pytest.raises(GraphError, match="its checksum has another name"):
        opened({"value": 2, "sha25s": whole["sha256"]}, "r.json")


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": 1}}'])
def test_what_is_not_json_is_named(tmp_path, text):
    path = tmp_path / "r.json"
    path.write_bytes(text)
    with pytest.raises(GraphError, match=r"r\.json is damaged \(it is not JSON"):
        read_json(path)


def test_no_file_and_no_record(tmp_path):
    with pytest.raises(MissingFileError, match="no such file"):
        read_json(tmp_path / "r.json")
    with pytest.raises(GraphError, match="holds a list, not a record"):
        opened([1], "r.json")
