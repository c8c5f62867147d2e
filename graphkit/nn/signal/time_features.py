"""Times as inputs of a model: a day is a circle, a week has seven days."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["TimeFeatures"]


class TimeFeatures(nn.Module):
    r"""Turn covariates into features: :math:`\sin` and :math:`\cos` of the time of day, and one
    column per day of the week.

    Args:
        names: What the columns of the covariates are, such as
            ``("time_of_day", "day_of_week")``. Other names pass through as they are.
        chosen: Those that become features; all of them if ``None``. What is not in ``names`` is
            left out.

    Shapes:
        - **input:** :math:`(*, K)`
        - **output:** :math:`(*, F)` with :math:`F` = ``out_channels``
    """

    def __init__(self, names: Sequence[str], chosen: Sequence[str] | None = None) -> None:
        super().__init__()
        self.names = tuple(names)
        self.chosen = tuple(n for n in self.names if chosen is None or n in chosen)
        widths = {"time_of_day": 2, "day_of_week": 7}
        self.out_channels = sum(widths.get(name, 1) for name in self.chosen)

    def forward(self, covariates: Tensor) -> Tensor:
        columns = []
        for name in self.chosen:
            value = covariates[..., self.names.index(name)]
            if name == "time_of_day":
                angle = 2 * math.pi * value
                columns.append(torch.stack([angle.sin(), angle.cos()], dim=-1))
            elif name == "day_of_week":
                columns.append(F.one_hot(value.long() % 7, 7).to(covariates.dtype))
            else:
                columns.append(value.unsqueeze(-1))
        if not columns:
            return covariates[..., :0]
        return torch.cat(columns, dim=-1)

    def extra_repr(self) -> str:
        return f"{', '.join(self.chosen)} -> {self.out_channels}"
