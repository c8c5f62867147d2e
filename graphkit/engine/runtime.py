"""Where a run happens: device, precision, threads, and the other processes of the run.

Lightning Fabric finds the accelerator, starts the process group that ``torchrun`` describes and
knows the precisions. The module is not wrapped: a wrapper's call costs more than a small layer,
and a stream model has two entry points that no wrapper knows.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.errors import GraphError, UnknownNameError

__all__ = ["Runtime", "fingerprint", "share_gradients", "threads_set"]

T = TypeVar("T")
_PRECISIONS = ("32-true", "64-true", "bf16-mixed")


@dataclass(frozen=True)
class Runtime:
    """One process of a run.

    Attributes:
        device: Where this process computes.
        rank: Number of this process, 0 writes files and prints.
        world: Number of processes.
        precision: ``"32-true"``, ``"64-true"`` or ``"bf16-mixed"``.
    """

    device: torch.device
    rank: int
    world: int
    precision: str
    _fabric: Any = field(repr=False)

    @classmethod
    def start(cls, device: str | torch.device = "auto", precision: str = "32-true") -> Runtime:
        """Join the run that the environment describes: one process, or one of ``torchrun``'s.

        Args:
            device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
            precision: One of :attr:`precision`.

        Raises:
            GraphError: The device is not there, or the precision is unknown.
        """
        check_choice(precision, "precision", _PRECISIONS)
        from lightning_fabric import Fabric

        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
        local = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
        world = int(os.environ.get("WORLD_SIZE", 1))
        accelerator, devices = _accelerator(str(device), local, world)
        try:
            fabric = Fabric(
                accelerator=accelerator,
                devices=devices,
                num_nodes=max(1, world // local),
                strategy="ddp" if world > 1 else "auto",
                precision=precision,
            )
        except (RuntimeError, ValueError) as error:
            raise GraphError(
                "device",
                f"{device!r} cannot be used ({error})",
                fix='Use device="auto" or device="cpu".',
            ) from error
        if world > 1:
            fabric.launch()
        return cls(fabric.device, fabric.global_rank, fabric.world_size, precision, fabric)

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and prints."""
        return self.rank == 0

    def place(self, model: nn.Module) -> nn.Module:
        """Move a model to the device and, for ``"64-true"``, to double precision; in place."""
        model.to(self.device)
        return model.double() if self.precision == "64-true" else model

    def autocast(self) -> AbstractContextManager[Any]:
        """The context for a forward pass. Nothing for the true precisions."""
        return self._fabric.autocast() if self.precision == "bf16-mixed" else nullcontext()

    def sum_(self, values: Tensor) -> Tensor:
        """Add up a tensor over all processes, in place."""
        if self.world > 1:
            torch.distributed.all_reduce(values)
        return values

    def copy_from_leader(self, tensors: dict[str, Tensor]) -> None:
        """Overwrite tensors with those of process 0, in place."""
        if self.world > 1:
            for value in tensors.values():
                torch.distributed.broadcast(value, src=0)

    def differing(self, tensors: dict[str, Tensor]) -> list[str]:
        """The names of those tensors that are not the same in every process."""
        if self.world == 1 or not tensors:
            return []
        sums = torch.stack([fingerprint(v) for v in tensors.values()])
        low, high = sums.clone(), sums
        torch.distributed.all_reduce(low, op=torch.distributed.ReduceOp.MIN)
        torch.distributed.all_reduce(high, op=torch.distributed.ReduceOp.MAX)
        return [name for name, same in zip(tensors, (low == high).tolist()) if not same]

    def from_leader(self, make: Callable[[], T]) -> T:
        """What ``make`` returns or raises in process 0, in every process.

        Raises:
            GraphError, OSError: Process 0 raised it.
            RuntimeError: Process 0 raised something else, and so does it.
        """
        if self.world == 1:
            return make()
        told: list[Any] = [None, None]
        failed: Exception | None = None
        if self.leads:
            try:
                told[0] = make()
            except Exception as error:  # the others wait for an answer in any case
                failed = error
                known = isinstance(error, (GraphError, OSError))
                told[1] = error if known else RuntimeError(f"process 0 failed: {error!r}")
        torch.distributed.broadcast_object_list(told, src=0, device=self._wire())
        if told[1] is not None:
            raise failed or told[1]
        return told[0]

    def gather(self, value: Any) -> list[Any]:
        """A plain value of every process, by rank."""
        if self.world == 1:
            return [value]
        found: list[Any] = [None] * self.world
        torch.distributed.all_gather_object(found, value)
        return found

    def any_says(self, own: bool) -> bool:
        """Whether it is true in any process."""
        return any(self.gather(own))

    def check_same(self, facts: dict[str, Any]) -> None:
        """Refuse to begin if the processes were started with different things.

        Args:
            facts: Plain values by name.

        Raises:
            GraphError: One of them is not the same in every process. Every process raises it.
        """
        each = self.gather({name: repr(value) for name, value in facts.items()})
        for name in dict.fromkeys(name for one in each for name in one):
            first = each[0].get(name)
            for rank, one in enumerate(each):
                if one.get(name) != first:
                    then, now = _excerpt(first, one.get(name))
                    raise GraphError(
                        name,
                        f"process {rank} of this run was started with another one than process 0",
                        expected=then,
                        got=now,
                        fix="Give every process the same arguments and data.",
                    )

    def wait(self) -> None:
        """Until all processes, and the device's queue, have come this far."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        if self.world > 1:
            torch.distributed.barrier()

    def _wire(self) -> torch.device | None:
        return self.device if self.device.type == "cuda" else None


def share_gradients(parameters: list[nn.Parameter], also: Tensor | None = None) -> Tensor | None:
    """Replace each gradient by its sum over all processes: one collective over one flat buffer.

    Each process has the gradient of its share of the batch, already divided by the size of the
    whole batch, so that the sum is the gradient of the whole batch. A parameter without a gradient
    counts as zero, here as in a run of one process.

    Args:
        parameters: Each with a gradient.
        also: A number that travels with them.

    Returns:
        The sum of ``also``.
    """
    values = [p.grad.reshape(-1) for p in parameters]
    if also is not None:
        values.append(also.reshape(1).to(values[0].dtype))
    flat = torch.cat(values)
    torch.distributed.all_reduce(flat)
    for p, grad in zip(parameters, flat.split([v.numel() for v in values])):
        p.grad = grad.view_as(p)
    return None if also is None else flat[-1]


@contextmanager
def threads_set(threads: int | None) -> Iterator[int]:
    """Use so many CPU threads inside the block (``None``: as it is); yields the number."""
    before = torch.get_num_threads()
    if threads is not None:
        if threads < 1:
            raise GraphError("threads", "not a number of threads", expected=">= 1", got=threads)
        torch.set_num_threads(threads)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def _accelerator(device: str, local: int, world: int) -> tuple[str, Any]:
    """Fabric's names for a device; under torchrun each process takes the card of its local rank."""
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps"):
        raise UnknownNameError("device", device, ("auto", "cpu", "cuda", "cuda:0", "mps"))
    if index and not index.isdigit():
        raise GraphError("device", "no such card", expected='"cuda:0"', got=repr(device))
    if index and kind == "cuda" and world == 1:
        return kind, [int(index)]
    return kind, local


def _excerpt(a: str | None, b: str | None, length: int = 120) -> tuple[str | None, str | None]:
    """Two long texts from shortly before the place where they begin to differ."""
    if a is None or b is None or max(len(a), len(b)) <= length:
        return a, b
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    start = max(0, at - length // 3)
    return tuple(f"{'...' if start else ''}{t[start : start + length]}" for t in (a, b))


def fingerprint(values: Tensor) -> Tensor:
    """An int64 that changes with any bit of a tensor: positions weigh the bits."""
    bits = values.detach().contiguous().reshape(-1)
    if bits.dtype == torch.bool or bits.element_size() < 8:
        sized = {1: torch.uint8, 2: torch.int16, 4: torch.int32}
        bits = bits.view(sized[bits.element_size()]).long()
    else:
        bits = bits.view(torch.int64)
    weight = torch.arange(1, bits.numel() + 1, device=bits.device) * 2654435761 + 1
    return (bits * weight).sum()
