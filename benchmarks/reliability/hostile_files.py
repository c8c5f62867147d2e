"""Hostile files: nothing in them runs, no path leads elsewhere, no announced size is believed."""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.reliability import _memory, _training
from benchmarks.reliability._case import REFUSED, RIGHT, Case, Fault
from benchmarks.reliability._damage import write_files
from benchmarks.reliability.damaged_files import (
    begin_job,
    go_on,
    load_records,
    open_graph,
    open_lists,
    open_predictor,
    resume,
    save_graph,
    save_lists,
    save_predictor,
    save_records,
    train,
    whole,
)
from graphkit import TemporalGraph
from graphkit.datasets.pickles import read_pickle
from graphkit.engine.sealed import save_sealed
from graphkit.errors import GraphError
from graphkit.json_record import sealed

SIZES = (1,)
_GROWTH = 256 << 20  # bytes that a file of some KiB may cost
_HUGE = [2**31, 2**40, 2**62, 2**63 - 1, 10**30]
_READERS: dict[str, tuple[Callable[..., Any], Callable[[Path], Any]]] = {
    "graph": (save_graph, open_graph),
    "checkpoints": (train, resume),
    "predictor": (save_predictor, open_predictor),
    "negatives.npz": (save_lists, open_lists),
    "run": (begin_job, go_on),
    "result.json": (save_records, load_records),
}


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def _refuses(case: Case, name: str, *, or_opens: bool = False) -> str:
    """Read a folder: an error that names it, no file from elsewhere, and little memory."""
    read = _READERS[name][1]
    before = _memory.now_bytes()
    _memory.reset_peak()
    outcome = RIGHT
    try:
        read(case.folder)
    except GraphError as error:
        if str(case.folder) not in str(error) and name.partition("/")[0] not in str(error):
            raise Fault(f"the error names no file: {error}") from error
        outcome = REFUSED
    case.check(outcome == REFUSED or or_opens, "it was opened")
    case.check(not _mark(case).exists(), "the file ran code")
    grown = _memory.peak_bytes() - before
    case.check(grown < _GROWTH, f"{grown >> 20} MiB were taken")
    return outcome


def _mark(case: Case) -> Path:
    return case.folder.with_name(f"{case.folder.name}-mark")


def pickles(case: Case) -> str:
    """A pickle, as it is or inside an archive, where a file of any format is expected."""
    name = case.draw.choice(list(_READERS))
    files = whole(_READERS[name][0], 0)
    target = case.draw.choice([f for f in files if not f.endswith(".lock")])
    trap = Trap(_mark(case))
    array = np.empty(1, dtype=object)
    array[0] = trap
    forms: dict[str, Callable[[Any], object]] = {
        "pickle": lambda file: pickle.dump(trap, file),
        "torch.save": lambda file: torch.save({"state": trap}, file),
        "object array": lambda file: np.save(file, array, allow_pickle=True),
        "object arrays": lambda file: np.savez(file, event_id=array, negatives=array),
    }
    form = case.draw.choice(list(forms))
    data = io.BytesIO()
    forms[form](data)
    case.tell(file=target, form=form)
    write_files({**files, target: data.getvalue()}, case.folder)
    return _refuses(case, name)


def sealed_pickles(case: Case) -> str:
    """A checkpoint that runs code, with the right checksum."""
    files = whole(train, 0)
    write_files(files, case.folder)
    target = case.draw.choice(sorted(files))
    path = case.folder / target
    record = torch.load(path, weights_only=True)
    place = case.draw.choice([key for key in record if key != "format"])
    record[place] = Trap(_mark(case))
    case.tell(file=target, key=place)
    save_sealed(record, path)
    return _refuses(case, "checkpoints")


def data_set_pickles(case: Case) -> str:
    """A pickle in the place of one that a data set ships: only arrays are built."""
    path = case.folder / "ind.cora.x"
    made: Any = Trap(_mark(case))
    for _ in range(case.draw.randint(0, 3)):
        made = case.draw.choice([[made], {"a": made}, (made, 1)])
    path.write_bytes(pickle.dumps(made, protocol=case.draw.randint(0, 5)))
    try:
        read_pickle(path)
    except GraphError as error:
        case.check(path.name in str(error), f"the error names no file: {error}")
        case.check(not _mark(case).exists(), "the file ran code")
        return REFUSED
    raise Fault("it was opened")


def paths(case: Case) -> str:
    """Paths out of the folder, in JSON with the right checksum."""
    outside = case.folder / "outside"
    outside.mkdir()
    name = case.draw.choice(["graph", "predictor"])
    files = whole(_READERS[name][0], 0)
    write_files(files, case.folder)
    source = case.draw.choice([f for f in files if not f.endswith(".json")])
    (outside / Path(source).name).write_bytes(files[source])
    stem = Path(source).name.removesuffix(".npy")
    forms = [
        str(outside / stem),
        f"../outside/{stem}",
        f"./{stem}/../{stem}",
        f"..\\{stem}",
        "/dev/zero",
    ]
    way = case.draw.choice(forms)
    case.tell(file=source, path=way)
    index = case.folder / name / ("graph.json" if name == "graph" else "predictor.json")
    record = json.loads(index.read_text())
    del record["sha256"]
    if name == "graph":
        record["arrays"][way] = record["arrays"].pop(stem)
    else:
        group = next(g for g, told in record["files"].items() if told["file"] == stem)
        record["files"][group]["file"] = way
    index.write_text(json.dumps(sealed(record)))
    return _refuses(case, name)


def huge_facts(case: Case) -> str:
    """Sizes in JSON, with the right checksum, that no memory holds."""
    name = case.draw.choice(["graph", "predictor"])
    write_files(whole(_READERS[name][0], 0), case.folder)
    index = case.folder / name / ("graph.json" if name == "graph" else "predictor.json")
    record = json.loads(index.read_text())
    del record["sha256"]
    places = list(_numbers(record))
    holder, key = case.draw.choice(places)
    case.tell(file=index.name, key=key, was=holder[key])
    holder[key] = case.draw.choice(_HUGE)
    case.tell(now=holder[key])
    index.write_text(json.dumps(sealed(record)))
    # A graph may have many nodes without events: then it opens, and costs nothing.
    return _refuses(case, name, or_opens=True)


def _numbers(value: Any) -> Any:
    """Every whole number in a JSON value, as the container and the key that hold it."""
    if isinstance(value, (dict, list)):
        keys = value if isinstance(value, dict) else range(len(value))
        for key in keys:
            if type(value[key]) is int:
                yield value, key
            yield from _numbers(value[key])


def huge_headers(case: Case) -> str:
    """Sizes in the headers of binary files that no memory holds."""
    form = case.draw.choice(["npy", "safetensors", "checkpoint"])
    huge = case.draw.choice(_HUGE[:4])
    case.tell(form=form, size=huge)
    if form == "npy":
        name, files = "graph", whole(save_graph, 0)
        target = case.draw.choice([f for f in files if f.endswith(".npy")])
        head = f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({huge},), }}\n".encode()
        data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(64)
    elif form == "safetensors":
        name, files = "predictor", whole(save_predictor, 0)
        target = case.draw.choice([f for f in files if f.endswith(".safetensors")])
        told = {"a": {"dtype": "F32", "shape": [huge], "data_offsets": [0, 4 * huge]}}
        head = json.dumps(told).encode()
        data = struct.pack("<Q", case.draw.choice([huge, len(head)])) + head
    else:
        name, files = "checkpoints", whole(train, 0)
        target, data = _bomb(case, files)
    case.tell(file=target)
    write_files({**files, target: data}, case.folder)
    return _refuses(case, name)


def _bomb(case: Case, files: dict[str, bytes]) -> tuple[str, bytes]:
    """A checkpoint whose archive unpacks to a thousand times its size."""
    target = case.draw.choice(sorted(files))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", _zeros())
    return target, out.getvalue()


@functools.cache
def _zeros() -> bytes:
    return bytes(32 << 20)


def deep_json(case: Case) -> str:
    """JSON of a hundred thousand brackets, or with numbers of thousands of digits."""
    name = case.draw.choice(["graph", "predictor", "run", "result.json"])
    files = whole(_READERS[name][0], 0)
    target = case.draw.choice([f for f in files if f.endswith(".json")])
    forms = {
        "deep": "[" * 100_000,
        "deep objects": '{"a":' * 100_000,
        "long number": "9" * 10_000,
        "infinite": '{"schema": 1e999, "files": NaN}',
        "empty": "",
        "null": "null",
        "twice": '{"schema": "x", "schema": "y"}',
    }
    form = case.draw.choice(list(forms))
    case.tell(file=target, form=form)
    write_files({**files, target: forms[form].encode()}, case.folder)
    return _refuses(case, name)


def csv_facts(case: Case) -> str:
    """A comment of facts in a CSV that lies: huge numbers, wrong types, no facts at all."""
    graph = TemporalGraph([0, 1], [1, 2], [3, 4], node_names=["a", "b", "c"])
    path = case.folder / "events.csv"
    graph.to_csv(path, meta=True)
    first, _, rest = path.read_text().partition("\n")
    record = json.loads(first.removeprefix("# graphkit "))
    record.pop("sha256")
    key = case.draw.choice(sorted(record))
    case.tell(key=key, was=record[key])
    record[key] = case.draw.choice([*_HUGE, -1, None, "x", [], {}, [[]], True, {"a": 1}])
    case.tell(now=record[key])
    path.write_text(f"# graphkit {json.dumps(sealed(record))}\n{rest}")
    before = _memory.now_bytes()
    _memory.reset_peak()
    try:
        again = TemporalGraph.from_csv(path)
    except GraphError as error:
        case.check(str(path) in str(error), f"the error names no file: {error}")
        return REFUSED
    grown = _memory.peak_bytes() - before
    case.check(grown < _GROWTH, f"{grown >> 20} MiB were taken")
    case.check(len(again) == 2 and again.t.tolist() == [3, 4], "other events")
    return RIGHT


def begin() -> None:
    """Train once, so that what this costs is not counted."""
    _training.predictor()
    for make, _ in _READERS.values():
        whole(make, 0)


KINDS = {
    "pickles": pickles,
    "sealed_pickles": sealed_pickles,
    "data_set_pickles": data_set_pickles,
    "paths": paths,
    "huge_facts": huge_facts,
    "huge_headers": huge_headers,
    "deep_json": deep_json,
    "csv_facts": csv_facts,
}
