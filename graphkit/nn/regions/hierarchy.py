"""A three-level hierarchy over the nodes of a graph: node, region, whole."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from graphkit.checks import check_choice
from graphkit.electrodes import DREAMER_ELECTRODES, clean_name, electrode_place, electrode_positions
from graphkit.errors import GraphError, UnknownNameError
from graphkit.registry import register

__all__ = ["PARTITIONS", "RegionHierarchy", "relative_neighbors"]


@register("layer", "region_hierarchy")
@dataclass(frozen=True, eq=False, repr=False)
class RegionHierarchy:
    """Which nodes make up which region, and who is next to whom on both levels.

    Args:
        partition: For each region the indices of its nodes; any order, each node once.
        region_adj: For each region its symmetric adjacency, ``[n_r, n_r]``, without self loops.
        super_adj: Adjacency of the regions, ``[R, R]``.
        hops: Longest walk of a filter inside each region; one number for all.
        super_hops: The same between regions.
        names: Names of the regions.
        node_names: Names of the nodes.

    Raises:
        GraphError: A node is in no region or in two, an adjacency is not symmetric, has a self
            loop, a negative weight or the wrong size.

    Example:
        >>> RegionHierarchy.dreamer().sizes
        (4, 3, 3, 4)
    """

    partition: Sequence[Sequence[int]]
    region_adj: Sequence[Tensor]
    super_adj: Tensor
    hops: int | Sequence[int] = 2
    super_hops: int = 2
    names: Sequence[str] = field(default=())
    node_names: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        partition = tuple(tuple(int(i) for i in part) for part in self.partition)
        flat = sorted(i for part in partition for i in part)
        if not partition or any(not part for part in partition):
            raise GraphError("partition", "there is no region, or one without nodes")
        if flat != list(range(len(flat))):
            raise GraphError(
                "partition",
                "every node has to be in exactly one region",
                expected=f"the indices 0 to {len(flat) - 1}, each once",
                got=flat,
            )
        hops = self.hops
        hops = (hops,) * len(partition) if isinstance(hops, int) else tuple(int(h) for h in hops)
        adjacency = tuple(torch.as_tensor(a, dtype=torch.float32) for a in self.region_adj)
        if not len(partition) == len(hops) == len(adjacency):
            raise GraphError(
                "region_adj",
                "one adjacency and one number of hops for each region",
                expected=len(partition),
                got=f"{len(adjacency)} and {len(hops)}",
            )
        if min(*hops, self.super_hops) < 0:
            raise GraphError("hops", "not a number of hops", expected=">= 0", got=hops)
        for r, (part, a) in enumerate(zip(partition, adjacency)):
            _check_adjacency(f"region_adj[{r}]", a, len(part))
        super_adj = torch.as_tensor(self.super_adj, dtype=torch.float32)
        _check_adjacency("super_adj", super_adj, len(partition))
        names = tuple(self.names) or tuple(f"region {r}" for r in range(len(partition)))
        for key, value in {
            "partition": partition,
            "hops": hops,
            "region_adj": adjacency,
            "super_adj": super_adj,
            "names": names,
            "node_names": tuple(self.node_names),
        }.items():
            object.__setattr__(self, key, value)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {n}" for name, n in zip(self.names, self.sizes))
        return f"RegionHierarchy({self.num_nodes} nodes; {sizes})"

    @property
    def num_nodes(self) -> int:
        """Nodes of all regions."""
        return sum(self.sizes)

    @property
    def num_regions(self) -> int:
        """Regions."""
        return len(self.partition)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Nodes of each region."""
        return tuple(len(part) for part in self.partition)

    @property
    def region_of(self) -> Tensor:
        """int64 ``[N]``: the region of each node."""
        region = torch.zeros(self.num_nodes, dtype=torch.int64)
        for r, part in enumerate(self.partition):
            region[list(part)] = r
        return region

    # ---------------------------------------------------------------- ready-made ones
    @classmethod
    def dreamer(cls, partition: str = "quadrants") -> RegionHierarchy:
        """The hierarchies of the HiSTN paper over the 14 DREAMER electrodes.

        Args:
            partition: ``"quadrants"``, the paper's default of four regions; ``"five"`` or
                ``"three"``, those of its ablation.

        Raises:
            UnknownNameError: Another name.
        """
        check_choice(partition, "partition", PARTITIONS)
        regions, edges, hops, super_edges, super_hops, names = PARTITIONS[partition]
        bounds = [0]
        for size in regions:
            bounds.append(bounds[-1] + size)
        return cls(
            [range(a, b) for a, b in itertools.pairwise(bounds)],
            [_adjacency(size, pairs) for size, pairs in zip(regions, edges)],
            _adjacency(len(regions), super_edges),
            hops,
            super_hops,
            names,
            DREAMER_ELECTRODES,
        )

    @classmethod
    def from_electrodes(
        cls,
        electrodes: Sequence[str],
        regions: str | dict[str, Sequence[str]] = "auto",
        *,
        hops: int = 2,
        super_hops: int = 2,
        positions: Tensor | None = None,
    ) -> RegionHierarchy:
        """A hierarchy for any montage, by names of electrodes.

        Within a region, and between the centres of regions, two are neighbours if no third is
        nearer to both (relative neighbourhood graph): without a threshold, and always connected.
        The 14 DREAMER electrodes with ``regions="quadrants"`` get the paper's own edges.

        Args:
            electrodes: Names in the order of the channels.
            regions: ``"quadrants"``: left and right, front (up to FC) and back, the midline a
                region of its own. ``"lobes"``: front, centre and back, each left, middle and
                right, and the two temporal sides. ``"auto"``: quadrants for up to 19 electrodes,
                lobes for more. Or a dictionary from region to electrodes.
            hops, super_hops: As for the class.
            positions: ``[N, 2]`` or ``[N, 3]``; by default from the names.

        Raises:
            GraphError: A name is unknown or given twice, or an electrode is in no region.
        """
        clean = [clean_name(name) for name in electrodes]
        if len(set(clean)) < len(clean):
            twice = next(n for i, n in enumerate(clean) if n in clean[:i])
            raise GraphError("electrodes", f"{twice!r} is there twice")
        if regions == "auto":
            regions = "quadrants" if len(clean) <= 19 else "lobes"
        if regions == "quadrants" and tuple(clean) == DREAMER_ELECTRODES:
            found = cls.dreamer()
            return cls(
                found.partition, found.region_adj, found.super_adj, hops, super_hops,
                found.names, clean,
            )  # fmt: skip
        groups = _groups(clean, regions)
        if positions is None:
            positions = electrode_positions(clean)
        partition = [[clean.index(name) for name in members] for members in groups.values()]
        centre = torch.stack([positions[part].mean(0) for part in partition])
        return cls(
            partition,
            [relative_neighbors(positions[part]) for part in partition],
            relative_neighbors(centre),
            hops,
            super_hops,
            list(groups),
            clean,
        )


def relative_neighbors(position: Tensor) -> Tensor:
    """Adjacency of the relative neighbourhood graph: joined if no third point is nearer to both.

    Args:
        position: ``[n, d]``.

    Returns:
        float32 ``[n, n]`` of zeros and ones: symmetric, connected, without self loops.
    """
    distance = torch.cdist(position.double(), position.double())
    distance = (distance + distance.t()) / 2  # the same bits both ways
    further = torch.maximum(distance.unsqueeze(0), distance.unsqueeze(1)).movedim(2, 0)
    near = (further < distance - 1e-9).any(0)
    n = len(position)
    return (~near & ~torch.eye(n, dtype=torch.bool, device=position.device)).float()


def _groups(names: list[str], regions: str | dict[str, Sequence[str]]) -> dict[str, list[str]]:
    if isinstance(regions, dict):
        groups = {key: [clean_name(n) for n in members] for key, members in regions.items()}
        listed = [n for members in groups.values() for n in members]
        wrong = [n for n in names if listed.count(n) != 1] + [n for n in listed if n not in names]
        if wrong:
            raise GraphError(
                "regions", f"{wrong[0]!r} is not in exactly one region, or is no electrode"
            )
        return groups
    if regions not in _SCHEMES:
        raise UnknownNameError("regions", regions, ("auto", *_SCHEMES))
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_SCHEMES[regions](name), []).append(name)
    return groups


def _side(name: str) -> str:
    column = electrode_place(name).column
    return "left" if column < 0 else "right" if column > 0 else "middle"


def _quadrant(name: str) -> str:
    side = _side(name)
    if side == "middle":
        return side
    return f"{side} front" if electrode_place(name).row <= 3 else f"{side} back"


def _lobe(name: str) -> str:
    place = electrode_place(name)
    if place.temporal:
        return f"{_side(name)} temporal"
    band = "front" if place.row <= 2 else "centre" if place.row <= 5 else "back"
    return f"{_side(name)} {band}"


_SCHEMES = {"quadrants": _quadrant, "lobes": _lobe}

_FRONT = ((0, 2), (1, 2), (1, 3), (2, 3))
_TRIANGLE, _PATH = ((0, 1), (0, 2), (1, 2)), ((0, 1), (1, 2))
_FIVE = ((0, 2), (1, 2), (1, 3), (2, 3), (3, 4))
# Sizes, edges inside, hops, edges between, hops between, names.
PARTITIONS = {
    "quadrants": (
        (4, 3, 3, 4),
        (_FRONT, _PATH, _PATH, tuple((3 - a, 3 - b) for a, b in _FRONT)),
        (2, 2, 2, 2),
        ((0, 1), (1, 2), (2, 3), (3, 0)),
        2,
        ("left front", "left back", "right back", "right front"),
    ),
    "five": (
        (3, 3, 2, 3, 3),
        (_TRIANGLE, _PATH, ((0, 1),), _PATH, _TRIANGLE),
        (1, 2, 1, 2, 1),
        ((0, 1), (1, 2), (2, 3), (3, 4), (4, 0)),
        2,
        ("left front", "left side", "back", "right side", "right front"),
    ),
    "three": (
        (5, 4, 5),
        (_FIVE, ((0, 1), (1, 2), (2, 3)), tuple((4 - a, 4 - b) for a, b in _FIVE)),
        (3, 3, 3),
        ((0, 1), (1, 2), (2, 0)),
        1,
        ("left", "back", "right"),
    ),
}
"""The partitions of the HiSTN paper: its default and the two of its ablation."""


def _adjacency(size: int, edges: Sequence[tuple[int, int]]) -> Tensor:
    a = torch.zeros(size, size)
    for i, j in edges:
        a[i, j] = a[j, i] = 1
    return a


def _check_adjacency(name: str, a: Tensor, size: int) -> None:
    if a.shape != (size, size):
        raise GraphError(name, "wrong size", expected=[size, size], got=list(a.shape))
    if not bool(a.isfinite().all()) or not torch.equal(a, a.t()):
        raise GraphError(name, "not a symmetric matrix of numbers")
    if bool((a < 0).any()):
        row = int((a < 0).any(1).nonzero()[0])
        raise GraphError(name, "a weight is negative", row=row, got=float(a[row].min()))
    if bool(a.diagonal().any()):
        raise GraphError(name, "a node is its own neighbour", fix="Leave self loops out.")
