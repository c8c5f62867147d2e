r"""Tokens of a language model from readings, time of day, day of week and the sensor itself.

After ST-LLM (Liu et al., "Spatial-Temporal Large Language Model for Traffic Prediction", MDM 2024,
arXiv 2401.10134).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from graphkit.checks import check_choice

__all__ = ["SensorEmbedding"]

_WEEK = {"day": 7, "weekend": 2, "none": 0}  # rows of the table


class SensorEmbedding(nn.Module):
    r"""Readings, time and sensor, each embedded, joined and mapped to a token.

    .. math::
        h_n = W_f \big[ W_x x_n \,\|\, E^{\text{node}}_n \,\|\,
        E^{\text{day}}_{\lfloor S t \rfloor} + E^{\text{week}}_w \big] + b

    Tables of times of day and of nodes are drawn xavier-uniform. The table of weekdays starts at
    zero: a weekday that training never saw adds nothing.

    Args:
        num_nodes: Number of nodes, N.
        in_channels: Numbers that a token stands for.
        out_channels: C' of a token.
        embedding_channels: Width of each of the three parts; as ``out_channels`` if ``None``.
        covariate_names: Columns of the covariates; ``"time_of_day"`` in [0, 1) and
            ``"day_of_week"`` 0 to 6 are read.
        slots_per_day: S, rows of the table of times of day; 0 for none.
        node_table: Whether sensors have rows of their own; without, a token tells what was read and
            when, not where.
        week: ``"day"``: a row per weekday; ``"weekend"``: one for Monday to Friday and one for
            Saturday and Sunday, for data of less than some weeks; ``"none"``.

    Shapes:
        - **input:** readings :math:`(B, N, P, C)`; covariates :math:`(B, K)` of the last reading
        - **output:** tokens :math:`(B, N, P, C')`
    """

    def __init__(
        self,
        num_nodes: int,
        in_channels: int,
        out_channels: int,
        *,
        embedding_channels: int | None = None,
        covariate_names: Sequence[str] = (),
        slots_per_day: int = 0,
        node_table: bool = True,
        week: str = "day",
    ) -> None:
        super().__init__()
        check_choice(week, "week", _WEEK)
        width = out_channels if embedding_channels is None else embedding_channels
        self.names, self.slots_per_day = tuple(covariate_names), slots_per_day
        self.value = nn.Linear(in_channels, width)
        self.node = nn.Embedding(num_nodes, width) if node_table else None
        self.day = self.week = None
        if slots_per_day and "time_of_day" in self.names:
            self.day = nn.Embedding(slots_per_day, width)
        if "day_of_week" in self.names and _WEEK[week]:
            self.week = nn.Embedding(_WEEK[week], width)
        self.timed = self.day is not None or self.week is not None
        self.fuse = nn.Linear((1 + node_table + self.timed) * width, out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset all learnable parameters of the module."""
        self.value.reset_parameters()
        self.fuse.reset_parameters()
        for table in (self.node, self.day):
            if table is not None:
                nn.init.xavier_uniform_(table.weight)
        if self.week is not None:
            nn.init.zeros_(self.week.weight)

    def forward(self, x: Tensor, covariates: Tensor | None = None) -> Tensor:
        # The linear map of what is joined, part by part: nothing is repeated over nodes or batch.
        width = self.value.out_features
        of_value, *others = self.fuse.weight.split(width, dim=1)
        out = self.value(x) @ of_value.t() + self.fuse.bias
        if self.node is not None:
            out = out + (self.node.weight @ others[0].t()).unsqueeze(1)
        if self.timed:
            time = self._time(covariates, x)
            out = out + (time @ others[-1].t()).unflatten(0, (-1, 1, 1))
        return out

    def _time(self, covariates: Tensor | None, x: Tensor) -> Tensor:
        """``[B, width]``; nothing where covariates are not given."""
        total = x.new_zeros(x.shape[0], self.value.out_features)
        if covariates is None:
            return total
        if self.day is not None:
            part = covariates[:, self.names.index("time_of_day")]
            slot = (part * self.slots_per_day + 1e-3).long()  # a float32 just below its slot
            total = total + self.day(slot.clamp(0, self.slots_per_day - 1))
        if self.week is not None:
            day = covariates[:, self.names.index("day_of_week")].long() % 7
            total = total + self.week(day if self.week.num_embeddings == 7 else (day > 4).long())
        return total

    def extra_repr(self) -> str:
        return f"slots_per_day={self.slots_per_day}"
