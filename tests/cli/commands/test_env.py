"""``graphkit env``."""

from __future__ import annotations

from typing import Any

import pytest

from graphkit import env


def test_it_prints_the_report(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env, "report", lambda: "the report")
    assert command("env") == (0, "the report\n", "")
