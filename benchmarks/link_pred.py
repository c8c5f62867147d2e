"""Temporal link prediction: train and test stream models, measured beside published numbers."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import TYPE_CHECKING, Any

from benchmarks import _command
from benchmarks._train import Trained, Training

if TYPE_CHECKING:
    from benchmarks._plans import Row
    from benchmarks._settings import Settings
    from graphkit import TemporalGraph
    from graphkit.engine import Result

_DEFAULTS = {
    "model": "nat,tgn,edgebank",
    "seeds": "0",
    "negatives": "random",
    "inductive": False,
    "candidates": 100,
    "set": [],
    "sweep": [],
}
_FALLBACK = "triadic"
_PREFERRED = "collegemsg"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py link_pred``. None has a default here: see which were given."""
    add = parser.add_argument
    add_shared = functools.partial(_command.add_shared, parser, _DEFAULTS)
    data = f"data set (default: {_PREFERRED} if at hand, else generated {_FALLBACK})"
    add_shared(["model", "data", "epochs", "seeds"], data=data)
    add(
        "--negatives",
        choices=["random", "historical", "inductive"],
        help="negatives of training, validation and test (default: random)",
    )
    add("--inductive", action="store_true", default=None, help="hold nodes out, test on them")
    add("--candidates", type=int, help="random candidates for MRR; 0: no MRR (default: 100)")
    add("--batch-size", type=int, help="events per batch (default: 100)")
    add_shared(
        ["device", "threads", "set", "sweep"],
        set="a setting of fit, of the task or of the model: lr=1e-3, nat.readout=sum",
        sweep="also train with each of these values in turn, every other setting as it is",
    )
    add(
        "--encoder",
        metavar="A,B,C",
        help="a row for each of these sequence encoders, of models that take one (history)",
    )
    add(
        "--named",
        metavar="A,B",
        help="also a row for each of these named settings of a model's file: graphmixer,dygformer",
    )
    add_shared(["json", "plot", "resume"], plot="write the curves here")


class _Training(Training):
    defaults = _DEFAULTS
    folder = "link_pred"
    task_class = "graphkit.LinkPrediction"
    lacks = "does not read a stream of events"
    note: str | None = None

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(args)
        self.dataset = self.options.get("data") or _PREFERRED

    def load(self) -> TemporalGraph:
        """The graph that was asked for, or one that is at hand; settings are those of its set."""
        graph, self.note = _graph(self.options.get("data"), self.job.arguments.get("resolved"))
        self.job.arguments["resolved"] = graph.name  # a run that goes on stays with its data
        self.dataset = graph.name
        return graph

    def rows(self, models: list[str]) -> dict[str, Row]:
        """A row for each model, encoder, named setting and value of ``--sweep``."""
        from benchmarks import _settings
        from graphkit.errors import UnknownNameError

        rows: dict[str, Row] = {model: (model, {}) for model in models}
        if self.options.get("encoder"):
            encoders = _command.names(self.options["encoder"], "--encoder")
            rows = _encoder_rows(models, self.known, encoders)
        asked = self.options.get("named")
        for name in _command.names(asked, "--named") if asked else ():
            found = {model: _settings.named(model, self.settings_folder) for model in models}
            if not any(name in settings for settings in found.values()):
                every = [n for settings in found.values() for n in settings]
                raise UnknownNameError("named settings", name, every)
            for model in models:
                if name in found[model]:
                    changes = {f"{model}.{key}": value for key, value in found[model][name].items()}
                    rows[f"{model} {name}"] = (model, changes)
        return rows | super().rows(models) if self.options["sweep"] else rows

    def key_for(self, model: str, owner: str, name: str) -> str | None:
        """A model that has no such setting gets no row."""
        known = self.known[model]
        takes = known is None or name in known | self.fit_names
        return f"{model}.{name}" if owner in ("", model) and takes else None

    def make_task(self, graph: Any, seed: int, settings: Settings) -> Any:
        """Negatives are those of the task's own seed: the same for every model and seed."""
        options = {key: self.options[key] for key in ("negatives", "candidates", "inductive")}
        kinds = ("random", "historical", "inductive")
        return self.task(graph, **{**options, "eval_negatives": kinds, **settings.task})

    def build(self, model: str, task: Any, settings: Settings) -> Any:
        """A model for the nodes of the whole graph."""
        from graphkit import registry

        return registry.get("model", model).from_graph(task.graph, **settings.model)

    def finish(self, result: Result, trained: Trained) -> None:
        """What others report, where their protocol is the same."""
        kind = "inductive" if self.options["inductive"] else "transductive"
        protocol = result.protocol
        as_published = protocol["negatives"]["test"] == "random" and protocol["split"].startswith(
            "70%/15%/15%"
        )
        if as_published and trained.label == trained.model:
            result.published = trained.settings.published.get(kind, {})

    def report(self, graph: Any, labels: list[str]) -> None:
        """The table, the files, and where they are."""
        from graphkit.engine.plot import plot_curves

        job = self.job
        if not _command.print_results(job, self.args.json, self.note):
            return
        with _command.plotting():
            print(f"plot: {plot_curves(job.done, self.args.plot or job.folder / 'curves.png')}")


def run(args: argparse.Namespace) -> int:
    """Train every model with every seed, print the table, say where the files are."""
    code = _Training(args).run()
    if code == 0:
        _leave()
    return code


def _encoder_rows(
    models: list[str], known: dict[str, set[str] | None], encoders: list[str]
) -> dict[str, Row]:
    """A row per encoder for the models that take one, and one row for the others."""
    from graphkit import GraphError, registry

    for encoder in encoders:
        registry.get("sequence_encoder", encoder)  # a wrong name: an error now
    takers = [model for model in models if known[model] is None or "encoder" in known[model]]
    if not takers:
        raise GraphError(
            "--encoder",
            f"{', '.join(models)} has no sequence encoder",
            fix="Add --model history.",
        )
    found: dict[str, Row] = {}
    for model in models:
        if model in takers:
            for name in encoders:  # with its own defaults: settings belong to one encoder
                change = {f"{model}.encoder": name, f"{model}.encoder_settings": {}}
                found[f"{model} encoder={name}"] = (model, change)
        else:
            found[model] = (model, {})
    return found


def _graph(name: str | None, resolved: str | None) -> tuple[TemporalGraph, str | None]:
    """The data set; without a name the preferred one, or a generated one and a note about it.

    ``resolved`` is what an earlier part of this run took.
    """
    from graphkit import load
    from graphkit.errors import DatasetNotFoundError

    if name is not None:
        return load(name), None
    try:
        if resolved != _FALLBACK:
            return load(_PREFERRED, timeout=5.0), None
    except DatasetNotFoundError as error:
        if resolved == _PREFERRED:
            raise
        print(f"{_PREFERRED} is not at hand: {error}", file=sys.stderr)
    return load(_FALLBACK), (
        f"GENERATED DATA ({_FALLBACK}): {_PREFERRED} is neither at hand nor downloadable, so "
        "these numbers say nothing about real data and stand beside no published ones."
    )


def _leave() -> None:
    """Take leave of the other processes of torchrun, if there are any."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
