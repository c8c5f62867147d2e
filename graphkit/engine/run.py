"""A training run under way: where it stands, its epochs, and its checkpoint."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.engine.checkpoint import CheckpointCadence, Checkpoints
from graphkit.engine.hooks import Hooks
from graphkit.engine.kept import Kept, check_loss, figures
from graphkit.engine.passes import replay, reset_state, score_pass, train_pass
from graphkit.engine.progress import Progress
from graphkit.engine.runtime import Runtime
from graphkit.engine.schedules import Schedule
from graphkit.engine.seeds import random_state, restore_random_state
from graphkit.engine.selection import copy_state
from graphkit.errors import GraphError
from graphkit.protocols import Task

__all__ = ["Clock", "Run"]

_ASKED_EVERY = 16  # batches after which several processes ask the clock of the first one


@dataclass
class Clock:
    """Events and seconds of the passes so far; a checkpoint carries it on.

    Evaluation counts validation passes: the test pass scores more candidates, as many as asked for.
    """

    train_events: int = 0
    train_s: float = 0.0
    eval_events: int = 0
    eval_s: float = 0.0
    epoch_s: list[float] = field(default_factory=list)

    def rates(self) -> dict[str, Any]:
        return {
            "train_events_per_s": self.train_events / self.train_s if self.train_s else None,
            "eval_events_per_s": self.eval_events / self.eval_s if self.eval_s else None,
            "epoch_s": self.epoch_s,
        }


@dataclass
class Run:
    """Where a run stands; everything that changes is in its checkpoint."""

    model: nn.Module
    task: Task
    runtime: Runtime
    batch_size: int
    clip_norm: float | None
    optimizer: torch.optim.Optimizer | None
    kept: Kept
    progress: Progress
    cadence: CheckpointCadence
    checkpoints: Checkpoints | None
    hooks: Hooks
    schedule: Schedule | None = None
    epoch: int = 0
    batch: int = 0  # batches of this epoch's training pass that are done
    elapsed: float = 0.0  # seconds that they took before the run was interrupted
    loss_sum: Tensor | None = None
    best_file: str | None = None
    best_sha256: str | None = None
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        groups = [] if self.optimizer is None else self.optimizer.param_groups
        self._rates = [group["lr"] for group in groups]

    def one_epoch(self) -> None:
        """Train, validate, keep the state if it is the best, write a checkpoint."""
        if self.batch == 0:
            self.hooks.epoch_start(self.epoch)
        loss, train_s = self._train()
        val, val_s = self._score("val")
        self.clock.epoch_s.append(train_s + val_s)
        best = self.kept.update(self.epoch, loss, val, lambda into: copy_state(self.model, into))
        self._say(loss, val, train_s, best)
        self.hooks.epoch_end(loss, val)
        self._check_processes_agree()
        self.epoch, self.batch, self.elapsed, self.loss_sum = self.epoch + 1, 0, 0.0, None
        if self.checkpoints is not None:
            if best and self.runtime.leads:
                found = self.checkpoints.save_best(self.epoch - 1, self.kept.state)
                self.best_file, self.best_sha256 = found
            self._save()

    @property
    def stopped(self) -> bool:
        """Whether the training has ended early: no improvement, or a hook asked for it."""
        asked = self.hooks.training.stopping and self.epoch > 0 and self.batch == 0
        return self.kept.selection.exhausted or asked

    def test(self) -> dict[str, float]:
        """Metrics of the test split, from the weights and the stream state of the kept epoch."""
        if self.kept.state is not None:
            self.model.load_state_dict(self.kept.state)
        self.hooks.training.epoch = self.epoch - 1  # after a resumed run that was complete too
        metrics, _ = self._score("test")
        self.progress.end()
        return metrics

    # ---------------------------------------------------------------- passes
    def _train(self) -> tuple[float | None, float]:
        if self.batch == 0:
            reset_state(self.model)
        if self.optimizer is None:
            replay(self.model, self.task.past("val"), self.batch_size, self.runtime.device)
            return None, 0.0
        stream = self.task.stream(
            "train", self.batch_size, epoch=self.epoch, device=self.runtime.device
        )
        if self.loss_sum is None:
            self.loss_sum = torch.zeros((), dtype=torch.float64, device=self.runtime.device)
        self.progress.begin(f"epoch {self.epoch + 1} train", len(stream), self.batch)
        began = time.perf_counter()

        def before_batch(done: int) -> None:
            factor = self.schedule(self.epoch + (done + 0.5) / len(stream))
            for group, rate in zip(self.optimizer.param_groups, self._rates):
                group["lr"] = rate * factor

        def after_batch(done: int) -> None:
            self.progress.batch(done, self.loss_sum, done * self.batch_size)
            if self.checkpoints is not None and self._due(done):
                self.batch = done
                self._save(elapsed=self.elapsed + time.perf_counter() - began)

        train_pass(
            self.model,
            self.task,
            stream,
            self.optimizer,
            self.runtime,
            self.loss_sum,
            first=self.batch,
            clip_norm=self.clip_norm,
            hooks=self.hooks,
            before_batch=None if self.schedule is None else before_batch,
            after_batch=after_batch,
        )
        loss = float(self.loss_sum) / max(stream.num_queries, 1)
        seconds = self.elapsed + time.perf_counter() - began
        self.clock.train_events += stream.num_events
        self.clock.train_s += seconds
        check_loss(loss, self.epoch)
        return loss, seconds

    def _score(self, split: str) -> tuple[dict[str, float], float]:
        final = split == "test"
        stream = self.task.stream(split, self.batch_size, final=final, device=self.runtime.device)
        if stream.num_queries == 0:
            return {}, 0.0
        if not self.task.continues(split):
            replay(self.model, self.task.past(split), self.batch_size, self.runtime.device)
        self.progress.begin(f"epoch {self.epoch + 1} {split}" if not final else split, len(stream))
        began = time.perf_counter()
        answer = score_pass(
            self.model, self.task, stream, self.runtime, after_batch=self.progress.batch
        )
        self.runtime.wait()
        seconds = time.perf_counter() - began
        if not final:
            self.clock.eval_events += stream.num_events
            self.clock.eval_s += seconds
        loss = self.optimizer is not None and not final
        found = figures(self.task, answer, split, final=final, loss=loss)
        self.hooks.call("on_evaluation", split, dict(found))
        return found, seconds

    def _check_processes_agree(self) -> None:
        differing = self.runtime.differing(self.model.state_dict())
        if differing:
            raise GraphError(
                "state",
                f"the processes of this run disagree about {', '.join(differing[:3])}",
                expected="the same parameters and stream state in every process",
                fix="observe() must not draw from torch's global random generator.",
            )

    # ---------------------------------------------------------------- record
    def _say(self, loss: float | None, val: dict[str, float], seconds: float, best: bool) -> None:
        parts = [f"epoch {self.epoch + 1}"]
        if loss is not None:
            parts.append(f"loss {loss:.4f}")
        selection = self.task.selection
        if selection in val:
            parts.append(f"val {selection} {val[selection]:.4f}{' *' if best else '  '}")
        if loss is not None:
            rate = self.task.stream("train", self.batch_size).num_events / max(seconds, 1e-9)
            parts.append(f"{rate:,.0f} events/s")
        parts.append(f"{self.clock.epoch_s[-1]:.1f} s")
        self.progress.say("  ".join(parts))

    def _due(self, done: int) -> bool:
        """Whether to write a checkpoint now: the same in every process."""
        if self.runtime.world == 1 or not self.cadence.timed:
            return self.cadence.due(done)
        if done % _ASKED_EVERY:
            return False
        return self.runtime.from_leader(lambda: self.cadence.due(done))

    def _save(self, elapsed: float = 0.0) -> None:
        """Write a checkpoint; every process has to come here."""
        random = self.runtime.gather(random_state())
        if not self.runtime.leads:
            return
        self.checkpoints.save(
            {
                "model": self.model.state_dict(),
                "optimizer": None if self.optimizer is None else self.optimizer.state_dict(),
                "random": random,
                "epoch": self.epoch,
                "batch": self.batch,
                "elapsed": elapsed,
                "loss_sum": self.loss_sum,
                "selection": self.kept.selection.state_dict(),
                "best_file": self.best_file,
                "best_sha256": self.best_sha256,
                "val_metrics": self.kept.val,
                "curves": self.kept.curves,
                "clock": vars(self.clock),
                "hooks": self.hooks.state_dict(),
            }
        )

    def resume(self) -> None:
        """Take up where the last checkpoint left off; begin afresh if there is none.

        The first process reads it for all: its folder need not be there for the others.

        Raises:
            GraphError: The checkpoint is damaged, or of other settings, data or another model.
        """
        alone = self.runtime.world == 1
        device = self.runtime.device if alone else "cpu"
        state = self.runtime.from_leader(lambda: self.checkpoints.load(device))
        if state is None:
            return
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError as error:
            raise GraphError(
                "model",
                f"the checkpoint in {self.checkpoints.folder} is of another model or size",
                got=str(error).partition("\n\t")[2].partition("\n")[0] or str(error),
                fix="Resume with the model of the checkpoint, or start in another folder.",
            ) from error
        except (KeyError, TypeError, AttributeError) as error:
            raise self._unusable(error) from error
        try:
            self._take(state)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
            raise self._unusable(error) from error
        self.hooks.training.epoch, self.hooks.training.resumed = self.epoch, True
        self.hooks.load_state_dict(state.get("hooks"))
        self.progress.say(f"goes on from epoch {self.epoch + 1}, batch {self.batch}")

    def _take(self, state: dict[str, Any]) -> None:
        device = self.runtime.device
        if self.optimizer is not None:
            self.optimizer.load_state_dict(state["optimizer"])
        random = state["random"]
        if isinstance(random, dict):  # of an older version: that of the first process alone
            random = [random]
        restore_random_state(random[self.runtime.rank % len(random)])
        self.kept.selection.load_state_dict(state["selection"])
        known = {f.name for f in fields(Clock)}
        if known != set(state["clock"]) or "best_epoch" not in set(state["selection"]):
            raise ValueError("clock or selection")
        self.clock = Clock(**state["clock"])
        self.epoch, self.batch = int(state["epoch"]), int(state["batch"])
        self.elapsed, self.best_file = float(state["elapsed"]), state["best_file"]
        self.best_sha256 = state.get("best_sha256")
        loss_sum, best = state["loss_sum"], state["best"]
        self.loss_sum = None if loss_sum is None else loss_sum.to(device)
        self.kept.state = None if best is None else {k: v.to(device) for k, v in best.items()}
        self.kept.val, self.kept.curves = state["val_metrics"], state["curves"]
        if self.epoch < 0 or self.batch < 0 or (self.batch and self.loss_sum is None):
            raise ValueError(f"epoch {self.epoch}, batch {self.batch}")

    def _unusable(self, error: Exception) -> GraphError:
        return GraphError(
            "checkpoint",
            f"{self.checkpoints.folder / 'last.pt'} is damaged or of another version ({error!r})",
            fix="Delete the folder to start again.",
        )
