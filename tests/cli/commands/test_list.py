"""``graphkit list``."""

from __future__ import annotations

from typing import Any

import pytest

from graphkit import registry
from graphkit.cli.commands.list import KINDS


def test_everything_is_listed_with_its_facts(command: Any) -> None:
    done = command("list")
    assert done.code == 0
    assert [line for line in done.out.splitlines() if not line.startswith(" ") and line] == [
        f"{title}:" for title in KINDS
    ]
    blocks = done.out.split("\n\n")
    for block, (title, kind) in zip(blocks, KINDS.items(), strict=True):
        rows = [line.split() for line in block.splitlines()[1:]]
        assert [row[0] for row in rows] == registry.names(kind), title
    for entry in registry.entries("model"):
        line = next(line for line in blocks[0].splitlines() if line.split()[0] == entry.name)
        assert f" {entry.facts['view']}: {', '.join(entry.facts['tasks'])} " in line
        assert line.endswith(entry.doc)


@pytest.mark.parametrize("view", registry.VIEWS)
def test_by_view(command: Any, view: str) -> None:
    done = command("list", "models", "--view", view)
    names = [line.split()[0] for line in done.out.splitlines()[1:]]
    assert names == registry.names("model", view=view)
    done = command("list", "--view", view)  # of all kinds, those that have views
    assert [line for line in done.out.splitlines() if line.endswith("s:")] == ["models:", "tasks:"]


def test_by_task(command: Any) -> None:
    done = command("list", "--task", "forecast")
    names = [line.split()[0] for line in done.out.splitlines()[1:]]
    assert names == registry.names("model", tasks="forecast")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--view", "steam"], "Did you mean 'stream'"),
        (["--task", "forcast"], "Did you mean 'forecast'"),
        (["encoders", "--view", "stream"], "'--view': encoders have none."),
        (["tasks", "--task", "forecast"], "'--task': tasks have none."),
    ],
)
def test_wrong_words(command: Any, arguments: list[str], message: str) -> None:
    done = command("list", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
