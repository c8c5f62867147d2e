"""Extras that no model needs yet: what is pinned for them loads and computes."""

from __future__ import annotations

import io

import pytest
import torch


@pytest.mark.vision
def test_torchvision_belongs_to_this_torch_and_timm_makes_features() -> None:
    timm = pytest.importorskip("timm", reason="timm (extra vision) is not installed")
    from torchvision.ops import nms

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]])
    kept = nms(boxes, torch.tensor([0.5, 0.9, 0.1]), iou_threshold=0.5)
    assert kept.tolist() == [1, 2]
    model = timm.create_model("resnet10t", pretrained=False, num_classes=0).eval()
    features = model(torch.ones(2, 3, 32, 32))
    assert features.shape == (2, model.num_features)
    assert torch.equal(features[0], features[1])


@pytest.mark.protein
def test_an_ontology_becomes_a_graph() -> None:
    obonet = pytest.importorskip("obonet", reason="obonet (extra protein) is not installed")
    terms = "format-version: 1.2\n\n[Term]\nid: GO:1\nname: root\n\n[Term]\nid: GO:2\nis_a: GO:1\n"
    graph = obonet.read_obo(io.StringIO(terms))
    assert list(graph.edges(keys=True)) == [("GO:2", "GO:1", "is_a")]
    assert graph.nodes["GO:1"]["name"] == "root"


@pytest.mark.protein
def test_a_structure_has_atoms_and_distances() -> None:
    pytest.importorskip("biotite", reason="biotite (extra protein) is not installed")
    from biotite import structure
    from biotite.structure.io.pdb import PDBFile

    line = "ATOM  {0:5d}  CA  GLY A{0:4d}    {1:8.3f}{2:8.3f}{3:8.3f}  1.00  0.00           C  "
    text = "\n".join([line.format(1, 0.0, 0.0, 0.0), line.format(2, 3.0, 4.0, 0.0)])
    (atoms,) = PDBFile.read(io.StringIO(text)).get_structure()
    assert atoms.res_id.tolist() == [1, 2]
    assert structure.distance(atoms[0], atoms[1]) == pytest.approx(5.0)
