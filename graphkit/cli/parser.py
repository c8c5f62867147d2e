"""An argument parser that suggests the closest name for a wrong one."""

from __future__ import annotations

import argparse
import difflib
import re

__all__ = ["Parser", "columns", "separator"]


class Parser(argparse.ArgumentParser):
    """Argument parser whose errors include the closest argument or command."""

    def error(self, message: str) -> None:
        known = [option for action in self._actions for option in action.option_strings]
        known += [str(c) for a in self._actions if a.choices for c in a.choices]
        wrong = [a or b for a, b in re.findall(r"'([^']*)'|(?<![\w-])(--?\w[\w-]*)", message)]
        hints = [
            f"{w} -> {close[0]}"
            for w in wrong
            if w not in known and (close := difflib.get_close_matches(w, known, n=1, cutoff=0.7))
        ]
        super().error(message + (f". Did you mean: {', '.join(hints)}?" if hints else ""))


def columns(text: str) -> list[str]:
    """Parse names separated by commas; used as the type of an argument.

    Raises:
        ArgumentTypeError: There is no name, or a name occurs twice.
    """
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError("expected names of columns, separated by commas")
    twice = next((name for i, name in enumerate(found) if name in found[:i]), None)
    if twice is not None:
        raise argparse.ArgumentTypeError(f"{twice!r} is named twice")
    return found


def separator(text: str) -> str:
    """Parse the separator of fields, as the type of an argument; ``tab`` stands for a tab.

    Raises:
        ArgumentTypeError: The separator is not a single character.
    """
    found = {"tab": "\t", r"\t": "\t", "space": " "}.get(text, text)
    if len(found) != 1:
        raise argparse.ArgumentTypeError("expected one character, 'tab' or 'space'")
    return found
