"""Positions of the electrodes of the 10-10 and 10-20 systems, derived from their names.

The name of an electrode encodes its position: letters give the row from front to back (Fp, AF, F,
FC, C, CP, P, PO, O, I; FT, T and TP are the outer ends of FC, C and CP), and the number gives the
distance from the midline (z is on the midline, odd numbers are left, even numbers are right).
Positions from this rule are schematic; they suffice for neighbourhoods and plots. ``source="mne"``
uses the positions on a template head instead.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphkit.errors import GraphError, require

__all__ = [
    "DREAMER_ELECTRODES",
    "Place",
    "clean_name",
    "electrode_place",
    "electrode_positions",
    "template_montage",
]

DREAMER_ELECTRODES = (
    "AF3", "F7", "F3", "FC5", "T7", "P7", "O1", "O2", "P8", "T8", "FC6", "F4", "F8", "AF4",
)  # fmt: skip
"""The 14 electrodes of the Emotiv EPOC, in the order of the DREAMER files."""

# Row from front to back; FT, T, TP are the outer ends of their rows.
_ROWS = {
    "FP": 0, "AF": 1, "F": 2, "FC": 3, "FT": 3, "C": 4, "T": 4, "CP": 5, "TP": 5, "P": 6,
    "PO": 7, "O": 8, "I": 9,
}  # fmt: skip
_SPELLING = {"FP": "Fp"}
_OLD = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
_NAME = re.compile(r"(FP|AF|FC|FT|CP|TP|PO|F|C|T|P|O|I)(Z|\d{1,2})")


class Place(NamedTuple):
    """Row and column encoded in the name of an electrode.

    Attributes:
        name: Name in the usual spelling, such as ``"FCz"``.
        row: Row from front to back, 0 (Fp) to 9 (I).
        column: Column; 0 on the midline, negative to the left; steps of 10 % of the half
            circumference.
        temporal: Whether the electrode is at the side of the head: FT, T, TP.
    """

    name: str
    row: int
    column: int
    temporal: bool


def clean_name(name: str) -> str:
    """A channel label in the usual spelling: ``"Fc5."`` and ``"EEG FC5-REF"`` are ``"FC5"``.

    Labels that are not 10-10 names are returned without surrounding blanks and dots.
    """
    text = re.sub(r"^EEG[ _]", "", name.strip().strip("."), flags=re.IGNORECASE)
    text = re.sub(r"[-_ ](REF|LE|AVG|M[12]|A[12])$", "", text, flags=re.IGNORECASE).strip(" .")
    upper = _OLD.get(text.upper(), text.upper())
    match = _NAME.fullmatch(upper)
    if match is None:
        return text
    letters, number = match.groups()
    return _SPELLING.get(letters, letters) + number.lower()


def electrode_place(name: str) -> Place:
    """Row and column of an electrode.

    Raises:
        GraphError: The name does not belong to the 10-10 system.
    """
    clean = clean_name(name)
    match = _NAME.fullmatch(clean.upper())
    if match is None:
        raise GraphError(
            "electrodes",
            f"{name!r} is not a name of the 10-10 system",
            expected="names such as Fz, C3, PO8",
            fix="Give the partition as lists of indices instead.",
        )
    letters, number = match.groups()
    step = 0 if number == "Z" else (int(number) + 1) // 2
    column = -step if number != "Z" and int(number) % 2 else step
    return Place(clean, _ROWS[letters], column, letters in ("FT", "T", "TP"))


def electrode_positions(names: Sequence[str], source: str = "names") -> Tensor:
    """Positions on the scalp seen from above, nose up; the head is the unit circle.

    Args:
        names: Names of the electrodes.
        source: ``"names"`` for the schematic rule, ``"mne"`` for a template head (extra ``eeg``).

    Shapes:
        - **output:** float32 ``[N, 2]``: to the right, to the front

    Raises:
        GraphError: A name or the source is unknown.
    """
    if source == "mne":
        return _from_mne(names)
    if source != "names":
        raise GraphError("source", "unknown", expected="'names' or 'mne'", got=repr(source))
    rows = []
    for name in names:
        place = electrode_place(name)
        # The midline from 0.8 in front to 0.8 behind in eight steps; the ring of F7, T7, O1 at 0.8.
        front = 0.8 * (4 - place.row) / 4
        angle = torch.tensor((place.row + 1) * torch.pi / 10)
        ring = 0.8 * torch.stack([angle.sin(), angle.cos()])
        reach = 1 if place.row in (0, 8, 9) else 4  # columns from the midline to the ring
        share = abs(place.column) / reach
        side = -1.0 if place.column < 0 else 1.0
        rows.append(torch.stack([side * share * ring[0], (1 - share) * front + share * ring[1]]))
    return torch.stack(rows).float() if rows else torch.zeros(0, 2)


def template_montage(names: Sequence[str]) -> Any:
    """Positions of the 10-05 system on the template head of mne.

    Args:
        names: Electrodes that the montage must contain.

    Raises:
        MissingPackageError: mne is absent; the message names the extra ``eeg``.
        GraphError: The montage does not contain one of the electrodes.
    """
    channels = require("mne", extra="eeg").channels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = channels.get_builtin_montages()
        name = "colin27_1005" if "colin27_1005" in known else "standard_1005"
        montage = channels.make_standard_montage(name)
    missing = [n for n in names if clean_name(n) not in montage.ch_names]
    if missing:
        raise GraphError("electrodes", f"mne's {name} has no {', '.join(missing[:5])}")
    return montage


def _from_mne(names: Sequence[str]) -> Tensor:
    places = template_montage(names).get_positions()["ch_pos"]
    points = torch.stack([torch.as_tensor(places[clean_name(n)]).float() for n in names])
    points = points - torch.tensor([0.0, -0.013, 0.0])  # the template's centre lies behind Cz
    # Azimuthal: the angle from the top of the head becomes the distance from the centre.
    flat = points[:, :2].norm(dim=1).clamp_min(1e-9)
    angle = torch.atan2(flat, points[:, 2]) / (torch.pi / 2)
    return points[:, :2] / flat.unsqueeze(1) * angle.unsqueeze(1) * 0.9
