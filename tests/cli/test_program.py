"""The program around the commands: what is imported, errors, interruptions, closed pipes."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import graphkit
from graphkit.cli import program
from graphkit.errors import GraphError

ROOT = str(Path(graphkit.__file__).parents[1])


@pytest.fixture
def command_that(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a function in the place of ``graphkit env``."""
    real = program._module

    def put(run: Any) -> None:
        fake = SimpleNamespace(__doc__="Fails.", add_arguments=lambda parser: None, run=run)
        monkeypatch.setattr(program, "_module", lambda name: fake if name == "env" else real(name))

    return put


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom graphkit.cli import main\nmain(sys.argv[1:])\n"
        "heavy = {'torch', 'numpy', 'pandas', 'pyarrow', 'scipy'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)"
    )
    for arguments in (["--help"], ["train", "--help"], ["--version"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=True,
        )
        assert done.stderr.strip() == "[]", arguments
    assert done.stdout.strip() == f"graphkit {graphkit.__version__}"


def test_every_command_is_in_the_help(command: Any) -> None:
    done = command("--help")
    assert done.code == 0
    for name in program.COMMANDS:
        assert f"\n    {name}" in done.out
        about = command(name, "--help")
        assert about.code == 0
        assert "--debug" in about.out
        assert "``" not in about.out


def test_commands_are_the_modules_of_the_folder() -> None:
    folder = Path(program.__file__).parent / "commands"
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(program.COMMANDS)


def test_the_console_script_is_main() -> None:
    import configparser
    import importlib

    settings = configparser.ConfigParser()
    settings.read(Path(ROOT) / "setup.cfg", encoding="utf-8")
    name, _, target = settings["options.entry_points"]["console_scripts"].strip().partition(" = ")
    module, _, function = target.partition(":")
    assert name == "graphkit"
    assert getattr(importlib.import_module(module), function) is program.main


def test_without_a_command(command: Any) -> None:
    done = command()
    assert done.code == 2
    assert done.out.startswith("usage: graphkit")


def test_a_wrong_argument_is_said_by_its_command(command: Any) -> None:
    done = command("train", "x.csv", "--epoks", "3")
    assert done.code == 2
    assert done.err.splitlines()[-1] == (
        "graphkit train: error: unrecognized arguments: --epoks 3. Did you mean: --epoks -> "
        "--epochs?"
    )


def test_an_error_is_one_line(command: Any, command_that: Any) -> None:
    def run(args: Any) -> None:
        raise GraphError("x", "two\nlines", row=3, fix="Do\n  this.")

    command_that(run)
    assert command("env") == (2, "", "graphkit env: 'x', row 3: two lines. Do this.\n")


@pytest.mark.parametrize("arguments", [["--debug", "env"], ["env", "--debug"]])
def test_debug_shows_where(command: Any, command_that: Any, arguments: list[str]) -> None:
    def run_and_fail(args: Any) -> None:
        raise GraphError("x", "wrong")

    command_that(run_and_fail)
    done = command(*arguments)
    assert done.code == 2
    assert done.err.startswith("Traceback")
    assert "in run_and_fail" in done.err
    assert done.err.rstrip().endswith("'x': wrong.")


def test_a_file_that_cannot_be_read_is_1(command: Any, command_that: Any) -> None:
    def run(args: Any) -> None:
        raise PermissionError(13, "Permission denied", "secret.csv")

    command_that(run)
    done = command("env")
    assert done.code == 1
    assert done.err == "graphkit env: [Errno 13] Permission denied: 'secret.csv'\n"


def test_other_errors_are_not_hidden(command: Any, command_that: Any) -> None:
    def run(args: Any) -> None:
        raise ZeroDivisionError

    command_that(run)
    with pytest.raises(ZeroDivisionError):
        command("env")


def test_ctrl_c_is_130(command: Any, command_that: Any) -> None:
    def run(args: Any) -> None:
        raise KeyboardInterrupt

    command_that(run)
    assert command("env") == (130, "", "\ngraphkit: interrupted\n")


def test_warnings_are_one_line(command: Any, command_that: Any) -> None:
    def run(args: Any) -> int:
        warnings.warn("look\n  here", UserWarning, stacklevel=1)
        return 0

    command_that(run)
    before = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert command("env") == (0, "", "graphkit env: warning: look here\n")
    assert warnings.showwarning is before


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "graphkit", "list", "negatives"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        timeout=250,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "graphkit", "--help"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        timeout=250,
        check=False,
    )
    os.close(writer)
    assert done.stderr == ""
