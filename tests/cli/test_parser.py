"""The parser's hints, and types of arguments."""

from __future__ import annotations

import argparse

import pytest

from graphkit.cli.parser import Parser, columns, separator


@pytest.mark.parametrize(
    "arguments, hint",
    [
        (["trian"], "Did you mean: trian -> train?"),
        (["train", "--epoks", "3"], "Did you mean: --epoks -> --epochs?"),
        (["train", "--kind", "rigt"], "Did you mean: rigt -> right?"),
    ],
)
def test_the_closest_word_is_named(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = Parser(prog="p")
    train = parser.add_subparsers(parser_class=Parser).add_parser("train")
    train.add_argument("--epochs", type=int)
    train.add_argument("--kind", choices=["left", "right"])

    def parse() -> None:
        _, unknown = parser.parse_known_args(arguments)
        train.error(f"unrecognized arguments: {' '.join(unknown)}")

    with pytest.raises(SystemExit) as stopped:
        parse()
    assert stopped.value.code == 2
    assert capsys.readouterr().err.rstrip().endswith(hint)


def test_nothing_close_is_no_hint(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser(prog="p")
    parser.add_argument("--epochs", type=int)
    with pytest.raises(SystemExit):
        parser.parse_args(["--epochs", "many"])
    assert "Did you mean" not in capsys.readouterr().err


def test_columns() -> None:
    assert columns("a, b,c") == ["a", "b", "c"]
    assert columns("two words") == ["two words"]
    for wrong in ("", " , ", "a,b,a"):
        with pytest.raises(argparse.ArgumentTypeError):
            columns(wrong)


def test_separators() -> None:
    assert [separator(text) for text in (";", "tab", r"\t", "space", "|")] == [
        ";", "\t", "\t", " ", "|",
    ]  # fmt: skip
    for wrong in ("", ";;"):
        with pytest.raises(argparse.ArgumentTypeError):
            separator(wrong)
