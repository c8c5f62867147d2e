"""Backbones by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from graphkit.checks import check_choice
from graphkit.nn.decoder.backbone import Backbone
from graphkit.nn.decoder.pretrained import transformers_backbone
from graphkit.nn.decoder.tiny import tiny_backbone

__all__ = ["BACKBONES", "make_backbone"]

BACKBONES: dict[str, Callable[..., Backbone]] = {
    "tiny": tiny_backbone,
    "gpt2": partial(transformers_backbone, "gpt2"),
    "llama": partial(transformers_backbone, "llama"),
}
"""Makers of backbones by name. ``"llama"`` is every decoder with LLaMA's layout of modules."""


def make_backbone(backbone: str | Backbone, **settings: Any) -> Backbone:
    """A backbone by name, or the given one.

    Args:
        backbone: A name out of :data:`BACKBONES`, or a :class:`Backbone` of your own.
        settings: Of :func:`~graphkit.nn.decoder.tiny.tiny_backbone`, or of
            :func:`~graphkit.nn.decoder.pretrained.transformers_backbone`.

    Raises:
        UnknownNameError: No such backbone.
        MissingPackageError: It needs a package of the extra ``llm``.
    """
    if isinstance(backbone, Backbone):
        return backbone
    check_choice(backbone, "backbone", BACKBONES)
    return BACKBONES[backbone](**settings)
