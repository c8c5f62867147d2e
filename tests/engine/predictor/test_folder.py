"""The folder is whole or refused, whoever interrupts its writer and whatever befalls its files."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
import torch

import graphkit
from graphkit.engine.predictor.folder import read_folder, write_folder
from graphkit.errors import GraphError, MissingFileError

TENSORS = {
    "model": {
        "weight": torch.randn(3, 4).t(),  # not contiguous
        "clock": torch.tensor(2**60 + 1),
        "flags": torch.tensor([True, False]),
        "half": torch.randn(5).bfloat16(),
        "empty": torch.zeros(0, 7, dtype=torch.float64),
    },
    "data": {"shared": torch.arange(3)},
}


def write(folder: Path, number: int = 1) -> Path:
    return write_folder(folder, {"kind": "stream", "number": number}, TENSORS)


def test_values_come_back_exactly(tmp_path: Path) -> None:
    whole = torch.arange(10.0)
    views = {"a": whole[2:5], "b": whole[3:6]}  # one storage
    write_folder(tmp_path / "f", {"text": "ü", "list": [1, None]}, {**TENSORS, "views": views})
    facts, groups = read_folder(tmp_path / "f")
    assert (facts["text"], facts["list"]) == ("ü", [1, None])
    assert facts["graphkit"] == graphkit.__version__
    for group, values in {**TENSORS, "views": views}.items():
        assert groups[group].keys() == values.keys()
        for name, value in values.items():
            assert groups[group][name].dtype == value.dtype
            assert torch.equal(groups[group][name], value), name


def test_nothing_is_pickled(tmp_path: Path) -> None:
    write(tmp_path / "f")
    assert {path.suffix for path in (tmp_path / "f").iterdir()} == {".json", ".safetensors"}


def test_saving_again_leaves_no_old_file(tmp_path: Path) -> None:
    folder = write(tmp_path / "f")
    before = {path.name for path in folder.iterdir()}
    (folder / ".99999999-newabc.tmp-model-1.safetensors").write_text("of a writer that was killed")
    changed = {"model": {"weight": torch.zeros(2)}, "data": TENSORS["data"]}
    write_folder(folder, {"number": 2}, changed)
    after = {path.name for path in folder.iterdir()}
    assert len(after) == 3
    assert len(before & after) == 2  # predictor.json and the group that is the same
    assert read_folder(folder)[0]["number"] == 2


def test_other_things_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(GraphError, match=r"holds other things.*got notes\.txt"):
        write(tmp_path)
    with pytest.raises(GraphError, match="is a file"):
        write(tmp_path / "notes.txt")
    with pytest.raises(ValueError, match="JSON"):
        write_folder(tmp_path / "g", {"number": float("nan")}, {})


def test_every_damage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no such file"):
        read_folder(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(GraphError, match=r"holds no predictor\.json"):
        read_folder(tmp_path / "empty")
    (tmp_path / "file").write_text("")
    with pytest.raises(GraphError, match="is a file"):
        read_folder(tmp_path / "file")

    folder = write(tmp_path / "f")
    originals = {path: path.read_bytes() for path in folder.iterdir()}
    facts = read_folder(folder)[0]
    generator = torch.Generator().manual_seed(0)
    for path, data in originals.items():
        path.unlink()
        with pytest.raises(GraphError):
            read_folder(folder)
        for _ in range(25):
            cut = int(torch.randint(len(data), (1,), generator=generator))
            path.write_bytes(data[:cut])
            with pytest.raises(GraphError, match="folder"):
                read_folder(folder)
        for _ in range(25 if path.suffix == ".safetensors" else 200):
            place = int(torch.randint(len(data), (1,), generator=generator))
            flipped = bytearray(data)
            flipped[place] ^= 1 << int(torch.randint(8, (1,), generator=generator))
            path.write_bytes(bytes(flipped))
            said = "is damaged"
            try:
                found = read_folder(folder)
            except GraphError as error:
                said = str(error)
            else:  # a blank for another, or the name of the checksum
                assert path.suffix == ".json"
                assert {name: found[0].get(name) for name in facts} == facts
            assert "is damaged" in said or "of another kind" in said
        path.write_bytes(data)
    assert read_folder(folder)[0]["number"] == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"schema": "graphkit.result/1"}, "of another kind"),
        ({"files": None}, "does not list its files"),
        ({"files": {"model": {"file": "x"}}}, "does not list its files"),
        (
            {"files": {"model": {"file": "../x", "bytes": 1, "sha256": ""}}},
            "names a file elsewhere",
        ),
        ({"graphkit": 3}, "does not list its files"),
    ],
)
def test_an_index_of_another_shape_is_refused(
    tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    folder = write(tmp_path / "f")
    index = json.loads((folder / "predictor.json").read_text())
    del index["sha256"]
    (folder / "predictor.json").write_text(json.dumps(index | change))
    with pytest.raises(GraphError, match=problem):
        read_folder(folder)


def test_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "f")
    major = int(graphkit.__version__.partition(".")[0])
    monkeypatch.setattr(graphkit, "__version__", f"{major}.999.0")
    with pytest.warns(UserWarning, match=r"written by graphkit .*999\.0: scores may differ"):
        read_folder(folder)
    monkeypatch.setattr(graphkit, "__version__", f"{major + 1}.0.0")
    with pytest.raises(GraphError, match="another major version"):
        read_folder(folder)


def _writes(folder: Path) -> None:
    for number in range(10_000):
        values = {"model": {"weight": torch.full((20_000,), float(number))}}
        write_folder(folder, {"number": number}, values)


def test_a_killed_writer_leaves_a_whole_state(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    context = multiprocessing.get_context("fork")
    for attempt in range(6):
        writer = context.Process(target=_writes, args=(folder,))
        writer.start()
        deadline = time.monotonic() + 60
        while not (folder / "predictor.json").exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.01 * attempt)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        facts, groups = read_folder(folder)
        assert bool((groups["model"]["weight"] == facts["number"]).all())


def test_tensors_of_others_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "llama.safetensors").write_text("mine")
    with pytest.raises(GraphError, match="holds other things"):
        write(tmp_path)
    folder = write(tmp_path / "f")
    (folder / "llama.safetensors").write_text("mine")
    with pytest.raises(GraphError, match=r"holds other things.*got llama"):
        write(folder, 2)
    assert (folder / "llama.safetensors").read_text() == "mine"


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GraphError, match=r"'folder': .* cannot be made.*is no folder"):
        write(tmp_path / "file" / "f")
