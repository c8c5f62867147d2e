"""Train a model on a table of events or readings, test it, and save it.

A table of events has one row per event: ``graphkit train events.csv --src user --dst item --time ts
--out model/``. A table of readings has one row per time and one column per sensor: ``graphkit train
readings.csv --task forecast --model linear --time t --out model/``. For every other kind of data
build a graph in Python, save it with ``graph.save("folder")`` and name that folder.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from graphkit.cli.parser import columns, separator

__all__ = ["add_arguments", "run"]

_DEFAULT_MODELS = {"link_prediction": "nat"}
_FIT = ("epochs", "batch_size", "lr", "device", "threads")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``graphkit train``."""
    add = parser.add_argument
    add("input", type=Path, metavar="INPUT", help="CSV, Parquet, or the folder of a saved graph")
    add("--out", type=Path, metavar="FOLDER", help="where the model goes (else it is not kept)")
    add("--task", default="link_prediction", help="default: link_prediction; see graphkit list")
    add("--model", help="default: nat for link_prediction; see graphkit list models --task TASK")

    table = parser.add_argument_group("the table")
    add = table.add_argument
    add("--src", default="src", metavar="COLUMN", help="sources of events (default: src)")
    add("--dst", default="dst", metavar="COLUMN", help="destinations of events (default: dst)")
    add("--time", default="t", metavar="COLUMN", help="times (default: t)")
    add("--edge-attr", type=columns, default=[], metavar="A,B", help="features of events")
    add("--edge-weight", metavar="COLUMN", help="weights of events or links")
    add("--label", metavar="COLUMN", help="classes of events")
    add("--bipartite", action="store_true", help="sources and destinations are different things,"
        " even if labels are equal, such as users and items")  # fmt: skip
    add("--edges", type=Path, metavar="FILE", help="of readings: links between sensors,"
        " with the columns --src and --dst")  # fmt: skip
    add("--sep", type=separator, default=",", help="what parts two fields: ';', tab (default: ,)")
    add("--dates", action="store_true", help="times are dates such as 2024-03-01T12:00")
    add("--time-unit", metavar="UNIT", help="of times that are numbers: ns, us, ms, s, m, h, d, w,"
        " or step (default: s)")  # fmt: skip

    task = parser.add_argument_group("the task")
    add = task.add_argument
    add("--val", type=float, metavar="SHARE", help="share that chooses the epoch")
    add("--test", type=float, metavar="SHARE", help="share at the end that tests")
    add("--history", type=int, metavar="STEPS", help="readings or steps that a model sees")
    add("--horizon", type=int, metavar="STEPS", help="readings that it forecasts")

    training = parser.add_argument_group("training")
    add = training.add_argument
    add("--epochs", type=int, help="the most epochs (default: 50)")
    add("--batch-size", type=int, help="events or windows per batch (default: 100)")
    add("--lr", type=float, help="learning rate (default: 0.0001)")
    add("--seed", type=int, default=0, help="default: 0")
    add("--device", help="auto, cpu, cuda, cuda:1 (default: auto)")
    add("--threads", type=int, default=1, help="CPU threads of torch (default: 1)")
    add("--set", action="append", default=[], metavar="KEY=VALUE",
        help="any setting: model.dim=32, fit.clip_norm=1, task.candidates=50")  # fmt: skip
    add("--checkpoint-dir", type=Path, metavar="FOLDER", help="keep checkpoints there")
    add("--resume", action="store_true", help="go on from the checkpoint, if there is one")
    add("--json", type=Path, metavar="FILE", help="also write the result here")


def run(args: argparse.Namespace) -> int:
    """Train, print the metrics, save, and print the next commands."""
    from graphkit.cli.fitted import next_steps
    from graphkit.cli.training import Training

    training = Training.plan(args.task, args.model or _DEFAULT_MODELS.get(args.task))
    training.settle(args.set, _given(args), checkpoints=args.checkpoint_dir is not None)
    _check_folders(args)
    graph = training.read(args.input, _columns(args), args.edges)
    try:
        result = training.run(
            graph, seed=args.seed, checkpoint_dir=args.checkpoint_dir, resume=args.resume
        )
    except KeyboardInterrupt:
        if args.checkpoint_dir is not None:
            again = [a for a in sys.argv[1:] if a != "--resume"]
            print(f"\nGo on with: graphkit {shlex.join([*again, '--resume'])}", file=sys.stderr)
        raise
    print(result.summary())
    if args.json is not None:
        result.to_json(args.json)
        print(f"result: {args.json}")
    if args.out is not None:
        predictor = result.predictor
        predictor.save(args.out)
        print(f"model: {args.out}\n\n{next_steps(predictor, args.out)}")
    return 0


def _given(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Settings given by their own arguments, grouped by their owner."""
    task = {"val": args.val, "test": args.test, "history": args.history, "horizon": args.horizon}
    fit = {name: getattr(args, name) for name in _FIT}
    groups = {"task": task, "fit": fit}
    return {
        group: {name: value for name, value in values.items() if value is not None}
        for group, values in groups.items()
    }


def _columns(args: argparse.Namespace) -> Any:
    from graphkit.cli.graphs import TableColumns

    return TableColumns(
        src=args.src,
        dst=args.dst,
        time=args.time,
        edge_attr=tuple(args.edge_attr),
        edge_weight=args.edge_weight,
        label=args.label,
        bipartite=args.bipartite,
        sep=args.sep,
        dates=args.dates,
        time_unit=args.time_unit,
    )


def _check_folders(args: argparse.Namespace) -> None:
    """Refuse, before training, an output that could not be written after it."""
    from graphkit.engine.predictor.folder import check_target
    from graphkit.errors import GraphError

    if args.out is not None:
        check_target(args.out)
    if args.json is not None and args.json.is_dir():
        raise GraphError("--json", f"'{args.json}' is a folder", expected="the name of a file")
    for option, path in (("--out", args.out), ("--json", args.json)):
        if path is None:
            continue
        place = next(p for p in (path, *path.absolute().parents) if p.is_dir())
        if not os.access(place, os.W_OK | os.X_OK):
            raise GraphError(option, f"nothing can be written in '{place}'")
    if args.resume and args.checkpoint_dir is None:
        raise GraphError(
            "--resume", "there is no folder to go on from", fix="Add --checkpoint-dir FOLDER."
        )
