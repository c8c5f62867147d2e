"""The page about the command line: its lines are understood, its words are the code's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import graphkit
from graphkit.cli import program

PAGE = Path(graphkit.__file__).parents[1] / "docs" / "command_line.md"


def lines() -> list[str]:
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip().startswith("graphkit ")]


def test_there_are_lines_for_every_command_with_arguments() -> None:
    assert {line.split()[1] for line in lines()} >= set(program.COMMANDS) - {"list", "env"}


@pytest.mark.parametrize("line", lines())
def test_the_lines_are_understood(line: str) -> None:
    args = program.make_parser()[0].parse_args(shlex.split(line)[1:])
    assert args.command == line.split()[1]
    if args.command == "train":
        from graphkit.cli.commands.train import _given
        from graphkit.cli.training import Training

        training = Training.plan(args.task, args.model or "nat")
        training.settle(args.set, _given(args))
        assert training.model_name == (args.model or "nat")


def test_every_command_and_exit_code_is_in_a_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    commands = re.findall(r"^\| `graphkit (\w+)", text, re.MULTILINE)
    assert sorted(commands) == sorted(program.COMMANDS)
    codes = re.findall(r"^\| (\d+) \|", text, re.MULTILINE)
    assert codes == re.findall(r"\b(\d+) (?:done|a file|an argument|interrupted|the reader)",
                               program.__doc__ or "")  # fmt: skip
