"""Sequence encoders side by side: size, forms, speed against length, memory, small tasks."""

from __future__ import annotations

import argparse
import collections
import json
import math
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphkit.encoders.sequence import SequenceEncoder

SCHEMA = "graphkit.encoders/1"
_SETTINGS = Path(__file__).parent / "configs" / "encoders"
# CPU time of the process: with one thread it does not depend on what else the machine does.
_TOO_SLOW = 1.0  # seconds: a form that takes longer is not tried at twice the length
_LR = 3e-3  # of tasks, where the settings name no other
_WARMUP = 20  # updates


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py encoders``."""
    add = parser.add_argument
    add("--encoder", help="encoders, separated by commas (default: all)")
    add("--tasks", help="tasks, separated by commas; none for no training (default: all)")
    add("--channels", type=int, default=64, help="size of input, state and output (default: 64)")
    add("--batch", type=int, default=1, help="rows when speed is measured (default: 1)")
    add("--longest", type=int, default=8192, help="longest sequence (default: 8192)")
    add("--updates", type=int, help="training batches of every task (default: each task's own)")
    add("--lr", type=float, help="learning rate of every task (default: as in configs/encoders)")
    add("--trial", action="store_true", help="for choosing settings: no test, nothing measured")
    add("--curriculum", default="multi", choices=["multi", "single", "sliding"])
    add("--seed", type=int, default=0)
    add("--threads", type=int, default=1, help="CPU threads of torch (default: 1)")
    add("--json", metavar="PATH", help="write the record here after every task, and go on from it")
    add("--plot", metavar="PATH", help="write speed against length here")


def run(args: argparse.Namespace) -> int:
    """Measure every encoder, print the tables."""
    import torch

    from benchmarks._sequence_tasks import TASKS
    from graphkit.encoders.sequence import list_sequence_encoders
    from graphkit.engine.environment import versions
    from graphkit.engine.result import table
    from graphkit.errors import UnknownNameError

    known = list_sequence_encoders()
    chosen = args.encoder.split(",") if args.encoder else known
    tasks = list(TASKS) if args.tasks is None else args.tasks.split(",")
    tasks = [] if tasks == ["none"] else tasks
    for name, there in [(n, known) for n in chosen] + [(n, list(TASKS)) for n in tasks]:
        if name not in there:
            raise UnknownNameError("encoder" if there is known else "task", name, there)
    torch.set_num_threads(args.threads)
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "versions": versions(),
        "threads": args.threads,
        "channels": args.channels,
        "batch": args.batch,
        "seed": args.seed,
        "curriculum": args.curriculum,
        "tasks": {n: {"doc": TASKS[n].doc, **_budget(TASKS[n], args)} for n in tasks},
        "rows": {},
    }
    if args.json:
        before = _before(Path(args.json))
        record["rows"] = before["rows"]
        record["tasks"] = {**before["tasks"], **record["tasks"]}
    torch.optim.Adam([torch.zeros(1)])  # what it imports is not the first task's time
    for name in chosen:
        row = record["rows"].setdefault(name, {"tasks": {}})
        print(f"{name} ...", file=sys.stderr, flush=True)
        if "forms" not in row and not args.trial:
            row.update(measure(name, args))
        for t in tasks:
            if t not in row["tasks"]:
                row["tasks"][t] = _train(name, TASKS[t], args)
                print(f"  {t}: {row['tasks'][t]}", file=sys.stderr, flush=True)
            if args.json:
                _write(record, name, Path(args.json))
        if args.json:
            _write(record, name, Path(args.json))
    if args.trial:
        return 0
    for head, rows in tables(record):
        print("\n".join(table(head, rows)), end="\n\n")
    print(about(record))
    if args.plot:
        print(f"plot: {plot(record, args.plot)}")
    return 0


def _before(path: Path) -> dict[str, Any]:
    """The record in a file; an empty one if there is none.

    Raises:
        GraphError: The file is no record of this command.
    """
    from graphkit.errors import GraphError
    from graphkit.json_record import read_json

    if not path.exists():
        return {"rows": {}, "tasks": {}}
    found = read_json(path)
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise GraphError("--json", f"{path} holds something else", expected=SCHEMA)
    if not isinstance(found.get("rows"), dict) or not isinstance(found.get("tasks"), dict):
        raise GraphError("--json", f"{path} is damaged", fix="Delete it to start again.")
    return found


def _write(record: dict[str, Any], name: str, path: Path) -> None:
    """Write the row of an encoder; the rows of other commands that write here stay."""
    from graphkit.files import held, write_text

    with held(path.parent, wait=True):
        there = _before(path)
        rows = {**record["rows"], **there["rows"], name: record["rows"][name]}
        whole = {**record, "tasks": {**there["tasks"], **record["tasks"]}, "rows": rows}
        write_text(path, json.dumps(whole, indent=1) + "\n")


def make(name: str, channels: int, **changes: Any) -> SequenceEncoder:
    """An encoder with the settings of ``configs/encoders``, and changes to them."""
    from graphkit.encoders import sequence

    settings = {**_settings(name).get("encoder", {}), **changes}
    return sequence(name, in_channels=channels, out_channels=channels, **settings)


def _settings(name: str) -> dict[str, Any]:
    path = _SETTINGS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


# ------------------------------------------------------------------ size, forms, speed, memory
def measure(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Everything that needs no training."""
    import torch

    torch.manual_seed(args.seed)
    encoder = make(name, args.channels).eval()
    found: dict[str, Any] = {
        "parameters": sum(p.numel() for p in encoder.parameters()),
        "state": encoder.state_numel() if encoder.causal else None,
        "state_is_constant": encoder.causal and encoder.state_is_constant,
        "causal": encoder.causal,
        "forms": sorted(encoder.forms),
        "difference": _difference(encoder, args),
        "speed": {form: _speed(encoder, form, args) for form in sorted(encoder.forms)},
        "kept_mib": _kept(encoder, 1024, args),
    }
    if encoder.causal:
        found["step_us"] = {str(t): _step_us(encoder, t, args) for t in (16, 4096)}
    return found


def _input(length: int, args: argparse.Namespace) -> tuple[Any, Any]:
    import torch

    draw = torch.Generator().manual_seed(args.seed)
    x = torch.randn(args.batch, length, args.channels, generator=draw)
    return x, torch.arange(length, dtype=torch.float64).expand(args.batch, -1)


def _difference(encoder: SequenceEncoder, args: argparse.Namespace) -> float | None:
    """The largest difference between outputs of two forms, steps among them, in float64."""
    import torch

    x, when = _input(100, args)
    encoder, x = encoder.double(), x.double()
    with torch.no_grad():
        outputs = [encoder(x, time=when, form=form) for form in sorted(encoder.forms)]
        if encoder.causal:
            state, steps = encoder.init_state(len(x)), []
            for t in range(x.shape[1]):
                y, state = encoder.step(x[:, t], state, None, when[:, t])
                steps.append(y)
            outputs.append(torch.stack(steps, 1))
    encoder.float()
    if len(outputs) == 1:
        return None
    return max(float((y - outputs[0]).abs().max()) for y in outputs[1:])


def _speed(encoder: SequenceEncoder, form: str, args: argparse.Namespace) -> dict[str, Any]:
    """Positions a second against length, forward alone and with the backward pass."""
    import torch

    found: dict[str, Any] = {"length": [], "forward": [], "train": []}
    length = 256
    while length <= args.longest:
        x, when = _input(length, args)

        def forward(x: Any = x, when: Any = when) -> None:
            with torch.no_grad():
                encoder(x, time=when, form=form)

        def train(x: Any = x, when: Any = when) -> None:
            encoder.zero_grad()
            encoder(x, time=when, form=form).square().mean().backward()

        spent = [_median(forward), _median(train)]
        found["length"].append(length)
        for key, seconds in zip(("forward", "train"), spent):
            found[key].append(args.batch * length / seconds)
        if max(spent) > _TOO_SLOW:
            break
        length *= 2
    return found


def _median(call: Any) -> float:
    """Median of three timed runs after one that does not count; of a slow one the first counts."""
    spent = []
    for _ in range(4):
        began = time.process_time()
        call()
        spent.append(time.process_time() - began)
        if spent[0] > _TOO_SLOW:
            return spent[0]
    return statistics.median(spent[1:])


def _step_us(encoder: SequenceEncoder, position: int, args: argparse.Namespace) -> float:
    """Microseconds of a step after ``position`` positions."""
    import torch

    x, when = _input(position + 20, args)
    with torch.no_grad():
        _, state = encoder(x[:, :position], time=when[:, :position], return_state=True)
        spent = []
        for t in range(position, position + 20):
            began = time.process_time()
            _, state = encoder.step(x[:, t], state, None, when[:, t])
            spent.append(time.process_time() - began)
    return 1e6 * statistics.median(spent)


def _kept(encoder: SequenceEncoder, length: int, args: argparse.Namespace) -> float:
    """MiB that a forward pass keeps for the backward pass."""
    import torch

    seen: dict[int, int] = {}
    mine = {p.untyped_storage().data_ptr() for p in encoder.parameters()}

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in mine:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    x, when = _input(length, args)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = encoder(x, time=when)
    del y
    return sum(seen.values()) / 2**20


# ------------------------------------------------------------------ tasks
def _budget(task: Any, args: argparse.Namespace) -> dict[str, Any]:
    return {"updates": args.updates or task.updates, "batch": task.batch, "bar": task.bar}


def _train(name: str, task: Any, args: argparse.Namespace) -> dict[str, Any]:
    """Train on one task: what it got to, after how many batches, in how many seconds."""
    import torch

    from benchmarks._sequence_tasks import SequenceTask

    torch.manual_seed(args.seed)
    draw = torch.Generator().manual_seed(args.seed)
    tuned = _settings(name).get("tasks", {}).get(task.name, {})
    encoder = make(name, args.channels, **tuned.get("encoder", {}))
    plan = {"lr": args.lr or tuned.get("lr", _LR), "updates": _budget(task, args)["updates"]}
    began = time.process_time()
    work = _fixed if isinstance(task, SequenceTask) else _growing
    found = work(encoder, task, draw, plan, args)
    found |= {"seconds": round(time.process_time() - began, 1), "lr": plan["lr"]}
    return {**found, "encoder": tuned["encoder"]} if "encoder" in tuned else found


def _run(encoder: Any, x: Any) -> Any:
    import torch

    when = torch.arange(x.shape[1], dtype=torch.float64).expand(len(x), -1)
    return encoder(x, time=when)


def _fixed(
    encoder: Any, task: Any, draw: Any, plan: dict[str, Any], args: argparse.Namespace
) -> dict[str, Any]:
    """Warm-up, then a cosine; ends early when twenty batches in a row were all but perfect."""
    import torch
    from torch import nn

    project, head = nn.Linear(task.channels, args.channels), nn.Linear(args.channels, task.classes)
    parameters = [*project.parameters(), *encoder.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, plan["lr"])

    def share(split: str, rows: int) -> float:
        encoder.eval()
        with torch.no_grad():
            x, target = task.sample(draw, rows, split)
            right = head(_run(encoder, project(x))).argmax(-1) == target
        return float(right[target >= 0].float().mean())

    right: collections.deque[float] = collections.deque(maxlen=20)
    for update in range(plan["updates"]):
        optimizer.param_groups[0]["lr"] = plan["lr"] * _factor(update, plan["updates"])
        x, target = task.sample(draw, task.batch, "train")
        y, asked = head(_run(encoder, project(x))), target >= 0
        loss = nn.functional.cross_entropy(y[asked], target[asked])
        _update(optimizer, parameters, loss)
        right.append(float((y.argmax(-1) == target)[asked].float().mean()))
        if len(right) == 20 and min(right) > 0.98 and statistics.fmean(right) > 0.995:
            break
    found = {"validation": share("validation", 500)}
    if not args.trial:
        found["accuracy"] = share("test", 1000)
    return {**found, "updates": update + 1}


def _growing(
    encoder: Any, task: Any, draw: Any, plan: dict[str, Any], args: argparse.Namespace
) -> dict[str, Any]:
    """Warm-up, then a constant rate; ends early when the largest N asked for is solved."""
    import torch
    from torch import nn

    from benchmarks._curriculum import Curriculum

    course = Curriculum(args.curriculum)
    project = nn.Linear(1, args.channels)
    heads = {2: nn.Linear(args.channels, 2)}
    shared = [*project.parameters(), *encoder.parameters()]
    optimizer = torch.optim.Adam([*shared, *heads[2].parameters()], plan["lr"])
    right: list[list[float]] = []
    for update in range(plan["updates"]):
        for group in optimizer.param_groups:
            group["lr"] = plan["lr"] * min(1.0, (update + 1) / _WARMUP)
        bits = task.sample(draw, task.batch, course.heads[-1])
        h = _run(encoder, project(bits.unsqueeze(-1).float() * 2 - 1))[:, -1]
        losses, accuracies = [], []
        for n in course.heads:
            y, label = heads[n](h), task.label(bits, n)
            losses.append(nn.functional.cross_entropy(y, label))
            accuracies.append(float((y.argmax(-1) == label).float().mean()))
        _update(optimizer, [p for g in optimizer.param_groups for p in g["params"]], sum(losses))
        right.append(accuracies)
        # Every batch is new: the accuracy while training is a test.
        if len(right) == 20:
            if course.report([statistics.fmean(column) for column in zip(*right)]):
                if course.solved >= task.largest:
                    break
                heads[course.heads[-1]] = nn.Linear(args.channels, 2)
                optimizer.add_param_group({"params": heads[course.heads[-1]].parameters()})
            right = []
    return {"largest": course.solved, "updates": update + 1}


def _factor(update: int, updates: int) -> float:
    """Share of the learning rate: linear warm-up, then half a cosine."""
    done = max(0, update - _WARMUP) / max(1, updates - _WARMUP)
    return min((update + 1) / _WARMUP, 0.5 + 0.5 * math.cos(math.pi * done))


def _update(optimizer: Any, parameters: list[Any], loss: Any) -> None:
    import torch

    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()


# ------------------------------------------------------------------ what is shown
_LENGTHS = (256, 1024, 4096, 8192)


def tables(record: dict[str, Any]) -> list[tuple[list[str], list[list[str]]]]:
    """Head and rows of the tables: sizes and steps, positions a second, small tasks."""
    rows = record["rows"]
    head = ["encoder", "parameters", "state", "forms", "forms differ by"]
    head += ["step at 16", "step at 4096", "MiB kept at 1024"]
    body = []
    for name, row in rows.items():
        cells = [name, f"{row['parameters']:,}"]
        grows = row["causal"] and not row["state_is_constant"]
        cells.append("grows" if grows else "–" if row["state"] is None else f"{row['state']:,}")
        cells.append(", ".join(row["forms"]))
        cells.append("–" if row["difference"] is None else f"{row['difference']:.0e}")
        steps = row.get("step_us", {})
        cells += [f"{steps[t]:,.0f} µs" if t in steps else "–" for t in ("16", "4096")]
        body.append([*cells, f"{row['kept_mib']:.1f}"])
    found = [(head, body)]
    head = ["positions a second", *[f"whole, {n:,}" for n in _LENGTHS]]
    head += [f"by steps, {n:,}" for n in _LENGTHS]
    body = []
    for name, row in rows.items():
        sides = [_speeds(row, recurrent=False), _speeds(row, recurrent=True)]
        cells = [f"{s[n]:,.0f}" if n in s else "–" for s in sides for n in _LENGTHS]
        body.append([name, *cells])
    found.append((head, body))
    names = [t for t in record["tasks"] if any(t in r["tasks"] for r in rows.values())]
    if names:
        body = []
        for name, row in rows.items():
            if not row["tasks"]:
                continue
            cells = [_cell(row["tasks"].get(t), record["tasks"][t]["bar"]) for t in names]
            spent = sum(got["seconds"] for got in row["tasks"].values())
            body.append([name, *cells, f"{spent:.0f}"])
        found.append((["encoder", *names, "s"], body))
    return found


def _speeds(row: dict[str, Any], *, recurrent: bool) -> dict[int, float]:
    """Training positions a second of the fastest form, by length: step by step, or of the others.

    An encoder whose only form goes step by step inside torch (gru) counts among the others.
    """
    best: dict[int, float] = {}
    for form, speed in row["speed"].items():
        if (form == "recurrent" and len(row["speed"]) > 1) is recurrent:
            for length, value in zip(speed["length"], speed["train"]):
                best[length] = max(best.get(length, 0), value)
    return best


def _cell(got: dict[str, Any] | None, bar: float) -> str:
    """A result; in brackets where the task is not solved."""
    if got is None:
        return "–"
    value = got.get("largest", got.get("accuracy"))
    text = f"N = {value}" if "largest" in got else f"{value:.3f}"
    return text if value >= bar else f"({text if value > 1 or 'accuracy' in got else 'none'})"


def about(record: dict[str, Any]) -> str:
    """How it was measured, in a few sentences."""
    tasks = "; ".join(
        f"{n}: {t['doc'].rstrip('.')}, at most {t['updates']:,} batches of {t['batch']}, "
        "solved from " + (f"N = {t['bar']}" if t["bar"] > 1 else f"{t['bar']}")
        for n, t in record["tasks"].items()
    )
    own = "; ".join(
        f"{name} ({task}): " + ", ".join(f"{k}={v}" for k, v in got["encoder"].items())
        for name, row in record["rows"].items()
        for task, got in row["tasks"].items()
        if "encoder" in got
    )
    return (
        f"{record['channels']} channels, {record['batch']} row(s), {record['threads']} thread(s), "
        f"torch {record['versions'].get('torch', '')}; CPU time. Positions a second with the "
        "backward pass, median of three: of the fastest form that reads the whole row, and step "
        f"by step; – where a pass of half the length took more than {_TOO_SLOW:g} s. "
        f"Tasks (seed {record['seed']}, {record['curriculum']}-head curriculum of bits, largest N "
        f"solved; brackets: not solved): {tasks}."
        + (f" Encoders changed for a task: {own}." if own else "")
    )


def plot(record: dict[str, Any], path: str) -> Path:
    """Positions a second against length, forward and backward: whole rows, and step by step."""
    from graphkit.errors import require
    from graphkit.files import whole_file

    figure_module = require("matplotlib.figure", "plot")
    figure = figure_module.Figure(figsize=(11, 5))
    both = figure.subplots(1, 2, sharey=True)
    for axes, recurrent in zip(both, (False, True)):
        for index, (name, row) in enumerate(record["rows"].items()):
            best = _speeds(row, recurrent=recurrent)
            style = ["-", "--"][index // 10 % 2]
            lengths = sorted(best)
            values = [best[n] for n in lengths]
            axes.loglog(lengths, values, style, color=f"C{index % 10}", marker=".", label=name)
        axes.set_title("step by step" if recurrent else "whole rows, the fastest form")
        ticks = [2**n for n in range(8, 14)]
        axes.set_xticks(ticks, [f"{n:,}" for n in ticks])
        axes.minorticks_off()
        axes.set_xlabel("length")
    both[0].set_ylabel("positions a second, forward and backward")
    figure.legend(
        *both[0].get_legend_handles_labels(), loc="outside right center", fontsize="small"
    )
    figure.set_layout_engine("constrained")
    with whole_file(path) as hidden:
        figure.savefig(hidden, dpi=100)
    return Path(path)
