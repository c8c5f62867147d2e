"""Actions from skeletons: accuracy of sequence encoders on whole clips."""

from __future__ import annotations

import argparse
import inspect
import sys
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks import _command
from benchmarks._train import Trained, Training

if TYPE_CHECKING:
    from benchmarks._plans import Plans
    from benchmarks._settings import Settings
    from graphkit.engine import Result

_DEFAULTS = {
    "encoder": "skeleton_cnn,gru,bigru,paragru,transformer",
    "data": "jhmdb",
    "seeds": "0,1,2",
    "set": [],
}
_MODEL = "sequence_classifier"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py action``. None has a default here: see which were given."""
    encoders = f"sequence encoders (default: {_DEFAULTS['encoder']})"
    parser.add_argument("--encoder", "--model", help=encoders)
    _command.add_shared(
        parser,
        _DEFAULTS,
        ["data", "seeds", "epochs", "device", "threads", "set", "json", "resume"],
        data=f"data set of labelled recordings (default: {_DEFAULTS['data']})",
        set="a setting of fit, of the task, of the model or, after its name, of an encoder: "
        "lr=0.01, features=raw, skeleton_cnn.kernel_size=5",
    )


class _Training(Training):
    defaults = _DEFAULTS
    folder = "action"
    task_class = "graphkit.tasks.RecordingClassification"
    without = frozenset({"split", "seed"})
    checkpoints = False
    fitting: ClassVar[dict[str, Any]] = {"threads": 1, "progress": False}

    def plan(self) -> Plans:
        """A row for each encoder: settings of the classifier, then the encoder's. Checks names."""
        names = _command.names(self.options["encoder"], "--encoder")
        return {name: (_MODEL, self._settings_of(name, names)) for name in names}

    def _settings_of(self, encoder: str, names: list[str]) -> Settings:
        from benchmarks import _plans, _settings
        from graphkit import registry
        from graphkit.typed import check_values

        found = self.read(_MODEL)
        found.update(self.read(encoder))
        inner = dict(found.model.get("encoder_settings") or {})
        known = {n: _options(registry.get("sequence_encoder", n)) for n in names}
        values = _settings.parse(self.options["set"])
        for key in [k for k in values if k.partition(".")[0] in known and "." in k]:
            owner, _, name = key.partition(".")
            _settings.apply(
                _settings.Settings(), owner, {key: values[key]},
                model_names=known[owner], fit_names=set(), task_names=set(), others=known,
            )  # fmt: skip
            value = values.pop(key)
            if owner == encoder:
                inner[name] = value
        model_names = _options(registry.get("model", _MODEL)) - {"encoder", "encoder_settings"}
        _plans.complete(
            found,
            _MODEL,
            values,
            self.options,
            {_MODEL: model_names},
            self.task,
            without=set(self.without),
            fit_settings=_plans.fit_names(checkpoints=False),
        )
        inner = check_values(inner, [registry.get("sequence_encoder", encoder)], text=True)
        found.model |= {"encoder": encoder, "encoder_settings": inner}
        return found

    def finish(self, result: Result, trained: Trained) -> None:
        """Say how it went; the encoder is the row's name."""
        model = result.settings["model"]
        result.settings["model"] = {key: model[key] for key in model if key != "encoder"}
        accuracy = result.metrics["test"]["accuracy"]
        said = f"{trained.label}, seed {result.seed}: test accuracy {accuracy:.4f}"
        print(said, file=sys.stderr, flush=True)


def run(args: argparse.Namespace) -> int:
    """Train with every encoder and seed, print the table, say where the files are."""
    return _Training(args).run()


def _options(make: Any) -> set[str] | None:
    """What a class takes beside sizes; ``None`` for anything."""
    parameters = inspect.signature(make).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters if p.default is not p.empty} - {"out_channels"}
