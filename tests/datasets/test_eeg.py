"""EEG data sets: generated files of the official layouts, and the official files where they are."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch

import graphkit
from graphkit.datasets.recordings import bandpass, rereference
from graphkit.electrodes import DREAMER_ELECTRODES, template_montage
from graphkit.errors import DatasetNotFoundError, GraphError, MissingPackageError, UnknownNameError


def load_edf_writer():
    spec = importlib.util.spec_from_file_location("edf", Path(__file__).with_name("edf.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_edf


# ------------------------------------------------------------------------ eye state
def write_arff(folder: Path, rows: list[list[float]]) -> Path:
    lines = ["@RELATION EEG_DATA", "", *(f"@ATTRIBUTE {n} NUMERIC" for n in DREAMER_ELECTRODES)]
    lines += ["@ATTRIBUTE eyeDetection {0,1}", "", "@DATA"]
    lines += [",".join(f"{v:g}" for v in row) for row in rows]
    path = folder / "EEG Eye State.arff.gz"
    path.write_bytes(gzip.compress("\r\n".join(lines).encode()))
    return path


def eye_rows() -> list[list[float]]:
    rng = np.random.default_rng(0)
    x = 4200 + rng.integers(-20, 20, (40, 14)).astype(float)
    x[7, 3] = 700_000
    y = [0] * 10 + [1] * 25 + [0] * 5
    return [[*row, state] for row, state in zip(x.tolist(), y)]


def test_eye_state_from_a_generated_file(tmp_path):
    rows = eye_rows()
    write_arff(tmp_path, rows)
    kept = graphkit.load("eeg_eye_state", root=tmp_path, outliers="keep")
    table = np.array(rows)
    np.testing.assert_array_equal(kept.signal[..., 0].numpy(), table[:, :14].astype(np.float32))
    assert kept.recordings["y"].tolist() == [0, 1, 0]
    assert kept.signal_recording.bincount().tolist() == [10, 25, 5]
    assert kept.signal_t[:3].tolist() == [0, 7_812_500, 15_625_000]
    assert kept.node_names.tolist() == list(DREAMER_ELECTRODES)
    mended = graphkit.load("eeg_eye_state", root=tmp_path)
    expected = (table[6, :14] + table[8, :14]) / 2
    np.testing.assert_allclose(mended.signal[7, :, 0].numpy(), expected, rtol=1e-6)
    rest = [i for i in range(40) if i != 7]
    assert torch.equal(mended.signal[rest], kept.signal[rest])
    masked = graphkit.load("eeg_eye_state", root=tmp_path, outliers="mask")
    assert not bool(masked.signal_mask[7].any())
    assert bool(masked.signal_mask[rest].all())
    two = graphkit.load("eeg_eye_state", root=tmp_path, channels=["O2", "AF3"])
    assert torch.equal(two.signal, mended.signal[:, [7, 0]])


def test_eye_state_against_the_average(tmp_path):
    path = write_arff(tmp_path, eye_rows())
    plain = graphkit.load("eeg_eye_state", root=path, outliers="keep")
    found = graphkit.load("eeg_eye_state", root=path, outliers="keep", reference="average")
    want = plain.signal - plain.signal.mean(dim=1, keepdim=True)
    torch.testing.assert_close(found.signal, want, atol=1e-2, rtol=1e-4)


def test_eye_state_refuses(tmp_path):
    rows = eye_rows()
    rows[4] = rows[4][:-1]
    path = write_arff(tmp_path, rows)
    with pytest.raises(GraphError, match="garbled"):
        graphkit.load("eeg_eye_state", root=path)
    (tmp_path / "other.arff").write_text("@attribute a numeric\n@data\n1\n")
    with pytest.raises(GraphError, match="not the file of UCI"):
        graphkit.load("eeg_eye_state", root=tmp_path / "other.arff")
    path = write_arff(tmp_path, eye_rows())
    with pytest.raises(UnknownNameError):
        graphkit.load("eeg_eye_state", root=path, outliers="drop")
    with pytest.raises(GraphError, match="spreads"):
        graphkit.load("eeg_eye_state", root=path, outliers="mask", band=(1, 40))
    with pytest.raises(GraphError, match="another number of rows"):
        graphkit.load("eeg_eye_state", root=path, strict=True)
    with pytest.raises(GraphError, match="no such electrode"):
        graphkit.load("eeg_eye_state", root=path, channels=["Cz"])


def test_eye_state_official(graphkit_data):
    if not list(graphkit_data.rglob("EEG Eye State.arff*")):
        pytest.skip("EEG Eye State is not at hand")
    g = graphkit.load("eeg_eye_state", strict=True, download=False)
    assert g.signal.shape == (14_980, 14, 1)
    closed = g.recordings["y"][g.signal_recording]
    assert closed.bincount().tolist() == [8_257, 6_723]
    assert float((g.signal - g.signal.median(0).values).abs().max()) <= 700


# ------------------------------------------------------------------------ motor imagery
LABELS = ["Fc5.", "C3..", "Cz..", "C4.."]
MARKS = [(0, 1.5, "T0"), (2, 1.5, "T2"), (4, 1, "T0"), (5, 1.5, "T1"), (9.5, 0.5, "T1")]


def write_runs(folder: Path, runs=(3, 4)) -> dict[int, np.ndarray]:
    write, found = load_edf_writer(), {}
    for run in runs:
        rng = np.random.default_rng(run)
        x = rng.integers(-100, 100, (10 * 32, 4)).astype(float)
        plain = folder / f"S001R{run:02d}.edf"
        write(plain, x, LABELS, 32, MARKS)
        if run % 2:
            plain.with_suffix(".edf.gz").write_bytes(gzip.compress(plain.read_bytes()))
            plain.unlink()
        found[run] = x
    return found


def test_eegmmidb_from_generated_files(tmp_path):
    pytest.importorskip("mne", reason="mne is not installed (extra eeg)")
    x = write_runs(tmp_path)
    g = graphkit.load("eegmmidb", root=tmp_path, runs=(3, 4), span=(0, 1), download=False)
    assert g.node_names.tolist() == ["FC5", "C3", "Cz", "C4"]
    assert g.recordings["y"].tolist() == [1, 0, 1, 0]  # the last trial is cut off by the end
    assert g.recordings["recording"].tolist() == [103] * 2 + [104] * 2
    assert g.recordings["clip"].tolist() == [0, 1] * 2
    expected = np.concatenate([x[r][s * 32 : s * 32 + 32] for r in (3, 4) for s in (2, 5)])
    np.testing.assert_allclose(g.signal[..., 0].numpy(), expected, atol=1e-3)
    assert g.signal_t[0] == 2_000_000_000
    rest = graphkit.load("eegmmidb", root=tmp_path, runs=(4,), span=(0.5, 1), rest=True)
    assert rest.recordings["y"].tolist() == [2, 1, 2, 0]
    with pytest.raises(GraphError, match="overlaps the one before"):
        graphkit.load("eegmmidb", root=tmp_path, runs=(4,), span=(0, 2), rest=True)
    few = graphkit.load("eegmmidb", root=tmp_path, runs=(3, 4), span=(0, 1), channels=["C4", "c3"])
    assert torch.equal(few.signal, g.signal[:, [3, 1]])
    with pytest.raises(DatasetNotFoundError, match=r"S002R03\.edf"):
        graphkit.load("eegmmidb", root=tmp_path, subjects=[2], runs=[3], download=False)
    with pytest.raises(GraphError, match="span"):
        graphkit.load("eegmmidb", root=tmp_path, span=(1, 1))
    (tmp_path / "S003R03.edf").write_bytes(b"0       no recording")
    with pytest.raises(GraphError, match="cannot be read"):
        graphkit.load("eegmmidb", root=tmp_path, subjects=[3], runs=[3])


def test_eegmmidb_names_its_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mne", None)
    with pytest.raises(MissingPackageError, match=r"graphkit-temporal\[eeg\]"):
        graphkit.load("eegmmidb")


def test_eegmmidb_official(graphkit_data):
    pytest.importorskip("mne", reason="mne is not installed (extra eeg)")
    if not list(graphkit_data.rglob("S001R03.edf*")):
        pytest.skip("eegmmidb is not at hand")
    g = graphkit.load("eegmmidb", runs=(3,), download=False)
    assert g.signal.shape == (15 * 640, 64, 1)
    assert sorted(g.recordings["y"].tolist()) == [0] * 8 + [1] * 7
    assert 10 < float(g.signal.std()) < 200  # microvolts
    assert g.signal_t[0] == 4_200_000_000


# ------------------------------------------------------------------------ DREAMER
def write_dreamer(path: Path, **changes) -> dict:
    """A file of the official layout with two subjects, as scipy writes it."""

    def cell(values):
        c = np.empty((len(values), 1), dtype=object)
        for i, v in enumerate(values):
            c[i, 0] = v
        return c

    rng = np.random.default_rng(0)
    subjects = np.empty((1, 2), dtype=object)
    truth = {"stimuli": [], "valence": [], "arousal": []}
    for s in range(2):
        clips = [4200 + 20 * rng.standard_normal((256 + 64 * k, 14)) for k in range(18)]
        scores = {n: rng.integers(1, 6, (18, 1)).astype(float) for n in "VAD"}
        truth["stimuli"].append(clips)
        truth["valence"].append(scores["V"][:, 0])
        truth["arousal"].append(scores["A"][:, 0])
        subjects[0, s] = {
            "Age": "25",
            "Gender": "male",
            "EEG": {"baseline": cell([clips[0][:64]] * 18), "stimuli": cell(clips)},
            "ScoreValence": scores["V"],
            "ScoreArousal": scores["A"],
            "ScoreDominance": scores["D"],
        }
    names = np.empty((1, 14), dtype=object)
    names[0, :] = DREAMER_ELECTRODES
    content = {
        "Data": subjects,
        "EEG_SamplingRate": 128.0,
        "ECG_SamplingRate": 256.0,
        "EEG_Electrodes": names,
        "noOfSubjects": 2.0,
        "noOfVideoSequences": 18.0,
    }
    content.update(changes)
    content = {k: v for k, v in content.items() if v is not None}
    scipy.io.savemat(path, {"DREAMER": content}, do_compression=True)
    return truth


def test_dreamer_from_a_generated_file(tmp_path):
    truth = write_dreamer(tmp_path / "DREAMER.mat")
    g = graphkit.load("dreamer", root=tmp_path, seconds=2, center=False)
    assert g.num_recordings == 36
    assert g.node_names.tolist() == list(DREAMER_ELECTRODES)
    for s, k in ((0, 0), (0, 17), (1, 5)):
        rows = g.signal[g.signal_recording == 18 * s + k][..., 0].numpy()
        np.testing.assert_array_equal(rows, truth["stimuli"][s][k][-256:].astype(np.float32))
    assert g.recordings["y"].tolist() == [int(v) - 1 for s in truth["valence"] for v in s]
    assert g.recordings["subject"].tolist() == [0] * 18 + [1] * 18
    other = graphkit.load("dreamer", root=tmp_path, target="arousal", seconds=None)
    assert other.recordings["y"].tolist() == [int(v) - 1 for s in truth["arousal"] for v in s]
    whole = other.signal[other.signal_recording == 20][..., 0].numpy()
    raw = truth["stimuli"][1][2]
    np.testing.assert_allclose(whole, raw - raw.mean(0), atol=1e-3)


def test_dreamer_against_the_average(tmp_path):
    truth = write_dreamer(tmp_path / "DREAMER.mat")
    g = graphkit.load("dreamer", root=tmp_path, seconds=None, center=False, reference="average")
    raw = truth["stimuli"][0][3]
    found = g.signal[g.signal_recording == 3][..., 0].numpy()
    np.testing.assert_allclose(found, raw - raw.mean(axis=1, keepdims=True), atol=1e-2)


def test_dreamer_without_names_of_electrodes(tmp_path):
    write_dreamer(tmp_path / "DREAMER.mat", EEG_Electrodes=None)
    g = graphkit.load("dreamer", root=tmp_path)
    assert g.node_names.tolist() == list(DREAMER_ELECTRODES)


def test_dreamer_refuses(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHKIT_DATA", str(tmp_path))
    monkeypatch.setenv("GRAPHKIT_CACHE", str(tmp_path))
    with pytest.raises(DatasetNotFoundError, match=r"DREAMER\.mat.*signed request"):
        graphkit.load("dreamer")
    path = tmp_path / "DREAMER.mat"
    scipy.io.savemat(path, {"other": 1.0})
    with pytest.raises(GraphError, match="no variable DREAMER"):
        graphkit.load("dreamer")
    path.write_bytes(b"MATLAB 7.3 MAT-file" + b" " * 105 + b"\x00\x02IM" + bytes(400))
    with pytest.raises(GraphError, match=r"7\.3"):
        graphkit.load("dreamer")
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(GraphError, match="cannot be read"):
        graphkit.load("dreamer")
    write_dreamer(path, Data=None)
    with pytest.raises(GraphError, match="lacks Data"):
        graphkit.load("dreamer")
    with pytest.raises(UnknownNameError):
        graphkit.load("dreamer", target="liking")


# ------------------------------------------------------------------------ generated
def test_twin():
    g = graphkit.load("eeg_twin", num_subjects=3, num_clips=10, seconds=4, label_noise=0.5, seed=1)
    assert torch.equal(
        g.signal, graphkit.load("eeg_twin", num_subjects=3, num_clips=10, seconds=4,
                                label_noise=0.5, seed=1).signal
    )  # fmt: skip
    y, level = g.recordings["y"], g.recordings["level"]
    assert level.bincount().tolist() == [6] * 5
    assert set((y - level).abs().tolist()) == {0, 1}
    # The left front grows with the level, the right back fades.
    power = torch.stack(
        [g.signal[g.signal_recording == p][..., 0].double().var(0) for p in range(g.num_recordings)]
    )
    mean = torch.stack([power[level == k].mean(0) for k in range(5)])
    assert bool((mean[:, :4].mean(1).diff() > 0).all())
    assert bool((mean[:, 7:10].mean(1).diff() < 0).all())
    with pytest.raises(GraphError):
        graphkit.load("eeg_twin", num_classes=1)


def test_bandpass():
    t = np.arange(1280) / 128
    slow, fast = np.sin(2 * np.pi * 3 * t), np.sin(2 * np.pi * 12 * t)
    out = bandpass((slow + fast)[:, None], 128, (8, 30))[200:-200, 0]
    np.testing.assert_allclose(out, fast[200:-200], atol=0.02)
    with pytest.raises(GraphError, match="band"):
        bandpass(np.zeros((100, 1)), 128, (8, 64))
    with pytest.raises(GraphError, match="too short"):
        bandpass(np.zeros((10, 1)), 128, (8, 30))


# ------------------------------------------------------------------------ references
CAP = ["F3", "Fz", "F4", "C5", "C3", "C1", "Cz", "C2", "C4", "C6", "P3", "Pz", "P4", "O1", "O2"]


def test_average_reference():
    x = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32)
    out = rereference(x, list("abcde"), 100, "average")
    np.testing.assert_allclose(out.sum(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(out - out[:, :1], x - x[:, :1], atol=1e-5)
    assert rereference(x, list("abcde"), 100, None) is x
    with pytest.raises(GraphError, match="several electrodes"):
        rereference(x[:, :1], ["C3"], 100, "average")
    with pytest.raises(UnknownNameError, match="reference"):
        rereference(x, list("abcde"), 100, "ears")


def test_laplacian_knows_no_reference_and_keeps_what_is_local():
    pytest.importorskip("mne", reason="mne is not installed (extra eeg)")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, len(CAP)))
    out = rereference(x, CAP, 100, "laplacian")
    shifted = rereference(x + rng.normal(size=(40, 1)), CAP, 100, "laplacian")
    np.testing.assert_allclose(out, shifted, atol=1e-4)  # a common potential is gone
    np.testing.assert_allclose(rereference(2 * x, CAP, 100, "laplacian"), 2 * out, atol=1e-4)
    import mne

    raw = mne.io.RawArray(x.T * 1e-6, mne.create_info(CAP, 100, "eeg"), verbose="error")
    raw.set_montage(template_montage(CAP), verbose="error")
    want = mne.preprocessing.compute_current_source_density(raw, verbose="error").get_data().T
    np.testing.assert_allclose(out, want * 1e6 / 1e4, rtol=1e-5)  # V/m2 in uV/cm2
    local, broad = np.zeros((2, len(CAP))), np.zeros((2, len(CAP)))
    local[0, CAP.index("C3")] = 1
    broad[0, [CAP.index(n) for n in ("C5", "C3", "C1", "F3", "P3")]] = 1
    one, many = (rereference(v, CAP, 100, "laplacian")[0] for v in (local, broad))
    assert CAP[int(one.argmax())] == "C3"
    assert one[CAP.index("C3")] > 1.5 * many[CAP.index("C3")] > 0


def test_laplacian_needs_places(tmp_path):
    pytest.importorskip("mne", reason="mne is not installed (extra eeg)")
    with pytest.raises(GraphError, match="has no left"):
        rereference(np.zeros((9, 3)), ["C3", "left", "C4"], 100, "laplacian")
    x = write_runs(tmp_path, runs=(4,))[4]
    given = {"root": tmp_path, "runs": (4,), "span": (0, 1), "download": False}
    g = graphkit.load("eegmmidb", reference="average", channels=["C4"], **given)
    mean = (x - x.mean(axis=1, keepdims=True))[:, 3]  # of all electrodes, before one is chosen
    want = np.concatenate([mean[64:96], mean[160:192]])
    np.testing.assert_allclose(g.signal[:, 0, 0].numpy(), want, atol=1e-3)
