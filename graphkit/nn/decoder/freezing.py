"""Partial freezing: which weights of a pretrained decoder may learn, and a report of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from torch import nn

from graphkit.checks import check_choice
from graphkit.nn.decoder.decoder import Decoder

__all__ = ["FREEZING", "FreezeReport", "freeze", "freeze_report"]

FREEZING = ("none", "partial", "all")


@dataclass(frozen=True)
class FreezeReport:
    """How many numbers learn, and how many do not, by group.

    Attributes:
        trainable: Of each group.
        frozen: Of each group.
    """

    trainable: dict[str, int] = field(default_factory=dict)
    frozen: dict[str, int] = field(default_factory=dict)

    @property
    def num_trainable(self) -> int:
        """All that learn."""
        return sum(self.trainable.values())

    @property
    def num_frozen(self) -> int:
        """All that do not."""
        return sum(self.frozen.values())

    def __str__(self) -> str:
        rows = [
            f"{name:<16} {self.trainable[name]:>12,} learn {self.frozen[name]:>12,} frozen"
            for name in self.trainable
        ]
        return "\n".join(
            [*rows, f"{'all':<16} {self.num_trainable:>12,} learn {self.num_frozen:>12,} frozen"]
        )


def freeze(decoder: Decoder, how: str, num_trained: int) -> None:
    """Set which weights of the decoder learn. Angles, memories and adapters always do.

    Args:
        decoder: The decoder.
        how: ``"partial"`` (of ST-LLM, arXiv 2401.10134): in the first blocks attention and
            feed-forward parts are frozen, norms and positions learn; in the last ``num_trained``
            blocks attention learns too. ``"all"``: of the backbone only norms and positions learn.
            ``"none"``: everything learns.
        num_trained: Blocks at the end whose attention learns.

    Raises:
        UnknownNameError: No such way.
    """
    check_choice(how, "freezing", FREEZING)
    depth = len(decoder.layers)
    for index, layer in enumerate(decoder.layers):
        learns = how == "none" or (how == "partial" and index >= depth - num_trained)
        adapters = [n for n, _ in layer.attention.named_parameters() if "lora_" in n]
        for name, parameter in layer.attention.named_parameters():
            # Beside adapters the projection itself stays.
            parameter.requires_grad_("lora_" in name or (learns and not adapters))
        layer.feed_forward.feed_forward.requires_grad_(how == "none")
        layer.attention_norm.requires_grad_(True)
        layer.feed_forward.norm.requires_grad_(True)


def freeze_report(model: nn.Module, decoder: Decoder) -> FreezeReport:
    """Count the parameters of a model that has the decoder in it; each is in one group.

    Groups of the decoder: ``attention``, ``adapters`` (LoRA), ``feed_forward``, ``norms``,
    ``positions``, ``angles``, ``memory``; all else goes by the name of the model's part.
    """
    groups: dict[int, str] = {}

    def put(name: str, parameters: Iterable[nn.Parameter]) -> None:
        for parameter in parameters:
            groups.setdefault(id(parameter), name)

    for layer in decoder.layers:
        named = list(layer.attention.named_parameters())
        put("adapters", (p for n, p in named if "lora_" in n))
        put("attention", (p for _, p in named))
        put("norms", [*layer.attention_norm.parameters(), *layer.feed_forward.norm.parameters()])
        put("feed_forward", layer.feed_forward.feed_forward.parameters())
        put("angles", layer.rotary.parameters())
        put("memory", layer.feed_forward.parameters())
    put("norms", decoder.norm.parameters())
    if decoder.positions is not None:
        put("positions", decoder.positions.parameters())
    trainable: dict[str, int] = {}
    frozen: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        group = groups.get(id(parameter), name.partition(".")[0])
        trainable.setdefault(group, 0)
        frozen.setdefault(group, 0)
        side = trainable if parameter.requires_grad else frozen
        side[group] += parameter.numel()
    return FreezeReport(trainable, frozen)
