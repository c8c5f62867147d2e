"""Regions of the head: the paper's, by names, by lists of indices."""

import networkx as nx
import pytest
import torch

from graphkit.electrodes import electrode_place
from graphkit.errors import GraphError, UnknownNameError
from graphkit.nn.regions import (
    DREAMER_ELECTRODES,
    RegionHierarchy,
    clean_name,
    electrode_positions,
    relative_neighbors,
)

EEGMMIDB = (
    "Fc5.", "Fc3.", "Fc1.", "Fcz.", "Fc2.", "Fc4.", "Fc6.", "C5..",
    "C3..", "C1..", "Cz..", "C2..", "C4..", "C6..", "Cp5.", "Cp3.",
    "Cp1.", "Cpz.", "Cp2.", "Cp4.", "Cp6.", "Fp1.", "Fpz.", "Fp2.",
    "Af7.", "Af3.", "Afz.", "Af4.", "Af8.", "F7..", "F5..", "F3..",
    "F1..", "Fz..", "F2..", "F4..", "F6..", "F8..", "Ft7.", "Ft8.",
    "T7..", "T8..", "T9..", "T10.", "Tp7.", "Tp8.", "P7..", "P5..",
    "P3..", "P1..", "Pz..", "P2..", "P4..", "P6..", "P8..", "Po7.",
    "Po3.", "Poz.", "Po4.", "Po8.", "O1..", "Oz..", "O2..", "Iz..",
)  # fmt: skip


def edges(h: RegionHierarchy, region: int) -> set[frozenset[str]]:
    names = [h.node_names[i] for i in h.partition[region]]
    pairs = h.region_adj[region].nonzero().tolist()
    return {frozenset((names[i], names[j])) for i, j in pairs}


def test_the_papers_regions():
    h = RegionHierarchy.dreamer()
    pairs = [
        "AF3-F3 F7-F3 F7-FC5 F3-FC5", "T7-P7 P7-O1", "O2-P8 P8-T8", "AF4-F4 F8-F4 F8-FC6 F4-FC6",
    ]  # fmt: skip
    for region, text in enumerate(pairs):
        assert edges(h, region) == {frozenset(pair.split("-")) for pair in text.split()}
    assert h.super_adj.sum(1).tolist() == [2, 2, 2, 2]
    assert h.super_adj[0].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("name", "sizes", "hops", "super_hops"),
    [("five", (3, 3, 2, 3, 3), (1, 2, 1, 2, 1), 2), ("three", (5, 4, 5), (3, 3, 3), 1)],
)
def test_the_ablation(name, sizes, hops, super_hops):
    h = RegionHierarchy.dreamer(name)
    assert (h.sizes, h.hops, h.super_hops) == (sizes, hops, super_hops)
    # The right half mirrors the left one.
    for left, right in zip(h.region_adj, reversed(h.region_adj)):
        torch.testing.assert_close(left, right.flip(0, 1))


def test_names_of_the_paper_give_the_papers_graph():
    found = RegionHierarchy.from_electrodes([n.lower() for n in DREAMER_ELECTRODES])
    known = RegionHierarchy.dreamer()
    assert found.partition == known.partition
    assert all(torch.equal(a, b) for a, b in zip(found.region_adj, known.region_adj))


def test_sixty_four_channels():
    h = RegionHierarchy.from_electrodes(EEGMMIDB)
    assert h.num_nodes == 64
    sizes = dict(zip(h.names, h.sizes))
    assert sizes["left centre"] == sizes["right centre"] == 9
    assert sizes["left front"] == sizes["right front"] == 7
    assert len(sizes) == 11
    for a in (*h.region_adj, h.super_adj):
        assert nx.is_connected(nx.from_numpy_array(a.numpy()))
    centre = h.names.index("left centre")
    assert frozenset(("C3", "C1")) in edges(h, centre)
    assert frozenset(("C3", "FC3")) in edges(h, centre)
    assert frozenset(("C5", "C1")) not in edges(h, centre)


def test_regions_of_ones_own():
    h = RegionHierarchy.from_electrodes(["C3", "Cz", "C4"], {"motor": ["C4", "C3"], "top": ["Cz"]})
    assert h.partition == ((2, 0), (1,))
    with pytest.raises(GraphError, match="'Cz'"):
        RegionHierarchy.from_electrodes(["C3", "Cz"], {"motor": ["C3"]})


def test_relative_neighbours_by_definition():
    points = torch.rand(12, 2, generator=torch.Generator().manual_seed(3))
    found = relative_neighbors(points)
    for i in range(12):
        for j in range(12):
            d = (points[i] - points[j]).norm()
            third = any(
                max((points[i] - points[k]).norm(), (points[j] - points[k]).norm()) < d
                for k in range(12)
            )
            assert bool(found[i, j]) == (i != j and not third)


def test_names_and_places():
    assert [clean_name(n) for n in ("Fc5.", "EEG Fp1-REF", "CZ", "T3", "ECG")] == [
        "FC5", "Fp1", "Cz", "T7", "ECG",
    ]  # fmt: skip
    assert electrode_place("POz")[1:3] == (7, 0)
    assert electrode_place("F7").column == -4
    left, right, top, front = electrode_positions(["C3", "C4", "Cz", "Fpz"])
    torch.testing.assert_close(left * torch.tensor([-1.0, 1.0]), right)
    torch.testing.assert_close(top, torch.zeros(2))
    assert float(front[1]) > 0.7
    with pytest.raises(GraphError, match="10-10"):
        electrode_place("ECG")


def test_schematic_positions_agree_with_a_template_head():
    pytest.importorskip("mne", reason="mne is not installed (extra eeg)")
    names = [clean_name(n) for n in EEGMMIDB]
    ours, theirs = electrode_positions(names), electrode_positions(names, "mne")
    assert float((ours - theirs).norm(dim=1).max()) < 0.25


@pytest.mark.parametrize(
    ("partition", "adjacency", "match"),
    [
        ([[0, 1], [1]], None, "exactly one region"),
        ([[0, 2]], None, "exactly one region"),
        ([[0], []], None, "without nodes"),
        ([[0, 1]], torch.tensor([[0.0, 1], [0, 0]]), "symmetric"),
        ([[0, 1]], torch.eye(2), "own neighbour"),
        ([[0, 1]], torch.zeros(3, 3), "wrong size"),
    ],
)
def test_refuses(partition, adjacency, match):
    graphs = [torch.zeros(len(p), len(p)) if adjacency is None else adjacency for p in partition]
    with pytest.raises(GraphError, match=match):
        RegionHierarchy(partition, graphs, torch.zeros(len(partition), len(partition)))


def test_refuses_names():
    with pytest.raises(UnknownNameError):
        RegionHierarchy.dreamer("four")
    with pytest.raises(GraphError, match="twice"):
        RegionHierarchy.from_electrodes(["C3", "c3."])
    with pytest.raises(UnknownNameError):
        RegionHierarchy.from_electrodes(["C3"], "halves")
