r"""Rule F: parameters and inputs filled by a formula, so that two implementations can be compared.

Equal numbers of parameters do not show a wrong order of operations, and initial values hide parts
of a network (scales that start at 0 or 1e-6). Filled by the same formula, two implementations of a
model must give the same outputs. The values do not depend on names or on the order of parameters,
only on the shape of each tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["fill_rule_f", "rule_f_image", "rule_f_values"]

_PRIME = 10_007
_NORMS = ("BatchNorm", "LayerNorm", "InstanceNorm", "GroupNorm")


def rule_f_values(*shape: int) -> Tensor:
    r"""Values of rule F in :math:`[-0.5, 0.5)`, float64 of the given shape.

    The element with row-major index :math:`k` is
    :math:`v(k) = \big((c^2 + 3c + 1) \cdot 7919 \bmod 10007\big) / 10007 - 0.5` with
    :math:`c = k \bmod 10007`.

    Example:
        >>> rule_f_values(2, 2)
        tensor([[ 0.2913,  0.4567],
                [ 0.2048, -0.4644]], dtype=torch.float64)
    """
    c = torch.arange(math.prod(shape)) % _PRIME
    values = ((c * c + 3 * c + 1) * 7_919) % _PRIME
    return (values.double() / _PRIME - 0.5).view(shape)


def rule_f_image(*shape: int) -> Tensor:
    """Input pictures of rule F: 4 times :func:`rule_f_values`, float64 ``[N, C, H, W]``."""
    return 4 * rule_f_values(*shape)


@torch.no_grad()
def fill_rule_f(
    module: nn.Module, gain: float = 1.0, skip: Callable[[str], bool] | None = None
) -> nn.Module:
    r"""Fill all parameters of a module in place; buffers keep their values.

    A parameter with at most one dimension larger than 1 (biases, scales, class tokens) becomes
    :math:`0.2\,v(k)`, plus 1 if it is the ``weight`` of a normalisation layer. Every other
    parameter becomes :math:`\mathrm{gain} \sqrt{12 / f}\, v(k)`, where :math:`f` is the number of
    elements divided by the size of dimension 0.

    Args:
        module: The module. A layer counts as normalisation if its class name contains
            ``BatchNorm``, ``LayerNorm``, ``InstanceNorm`` or ``GroupNorm``.
        gain: Factor of the matrices.
        skip: Function of the name of a parameter; parameters for which it returns true keep their
            values.

    Returns:
        The module.
    """
    for prefix, part in module.named_modules():
        norm = any(name in type(part).__name__ for name in _NORMS)
        for name, parameter in part.named_parameters(recurse=False):
            if skip is not None and skip(f"{prefix}.{name}" if prefix else name):
                continue
            values = rule_f_values(*parameter.shape)
            if sum(size > 1 for size in parameter.shape) <= 1:
                values = 0.2 * values + (norm and name == "weight")
            else:
                fan = parameter.numel() / parameter.shape[0]
                values = gain * math.sqrt(12 / fan) * values
            parameter.copy_(values)
    return module
