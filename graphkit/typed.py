"""Checks of plain values against the annotations of arguments."""

from __future__ import annotations

import ast
import builtins
import inspect
import numbers
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graphkit.errors import GraphError

__all__ = ["check_value", "check_values"]

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "None": "none",
    "list": "a list",
    "dict": "keys with values",
}
_LISTS = ("list", "tuple", "set", "frozenset", "Sequence", "Iterable", "Collection")
_DICTS = ("dict", "Mapping")
_SAME = {"Path": "str", "NoneType": "None"}
_UNIONS = ("Union", "Optional")
_PLAIN = (numbers.Real, str, list, tuple, dict, type(None))


def check_values(
    values: Mapping[str, Any],
    functions: Iterable[Callable[..., Any]],
    *,
    text: bool = False,
    prefix: str = "",
) -> dict[str, Any]:
    """Check that each value has a type that the function accepts.

    Args:
        values: Arguments by name. A name that no function has is not checked.
        functions: Functions that take the arguments; the first function with an argument of the
            name is used.
        text: Whether the values were given as text. An argument that only accepts objects then
            accepts none of them.
        prefix: Prefix of the names in messages.

    Returns:
        The values; a float without a fraction becomes an int where an int is expected.

    Raises:
        GraphError: A value has another type. The message states the expected type.
    """
    found = dict(values)
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {}
    for function in functions:
        place = getattr(inspect.unwrap(_plain(function)), "__globals__", {})
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                kinds.setdefault(parameter.name, (parameter.annotation, place))
    for name, value in values.items():
        if name in kinds:
            annotation, place = kinds[name]
            found[name] = check_value(f"{prefix}{name}", value, annotation, place, text=text)
    return found


def check_value(
    name: str, value: Any, annotation: Any, place: Mapping[str, Any], *, text: bool = False
) -> Any:
    """Check that a value has a type that an annotation allows; see :func:`check_values`.

    Args:
        name: Name used in messages.
        value: Value to check. Objects other than numbers, text, lists and dictionaries pass.
        annotation: Annotation as text, as ``from __future__ import annotations`` leaves it;
            anything else allows all values.
        place: Names that the annotation may use. A name that does not refer to a class allows all
            values; a name that is not defined counts as a class.
        text: Whether the value was given as text, which a class of objects does not accept.
    """
    if not isinstance(annotation, str) or not _is_plain(value):
        return value
    kinds = _kinds(ast.parse(annotation, mode="eval").body, place)
    if kinds is None:
        return value
    for kind, inner in kinds:
        if _fits(value, kind, inner, place, text):
            whole = kind == "int" and isinstance(value, float)
            return int(value) if whole and not any(k == "float" for k, _ in kinds) else value
    if not text and any(kind == "object" for kind, _ in kinds):
        return value  # such as what can be made into one
    words = [_said(kind) for kind, _ in kinds if kind != "object"]
    if not words:
        raise GraphError(name, "it takes objects, which cannot be written as text", got=repr(value))
    raise GraphError(
        name, f"not {words[0]}", expected=" or ".join(dict.fromkeys(words)), got=repr(value)
    )


_Kind = tuple[str, Any]


def _kinds(node: ast.expr, place: Mapping[str, Any]) -> list[_Kind] | None:
    """The alternatives of an annotation; ``None`` if it allows all values."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _joined([_kinds(node.left, place), _kinds(node.right, place)])
    if isinstance(node, ast.Constant):
        if node.value is None:
            return [("None", None)]
        return None
    if isinstance(node, ast.Subscript):
        outer = _name(node.value)
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer in _UNIONS:
            each = [_kinds(part, place) for part in inner]
            return _joined([*each, [("None", None)]] if outer == "Optional" else each)
        if outer == "Literal":
            return [("literal", part.value) for part in inner if isinstance(part, ast.Constant)]
        if outer in _LISTS:
            return [("list", inner[0])]
        return [("dict", None)] if outer in _DICTS else _kinds(node.value, place)
    name = _name(node)
    name = _SAME.get(name, name)
    if name in _WORDS:
        return [(name, None)]
    if name in _LISTS or name in _DICTS:
        return [("list" if name in _LISTS else "dict", None)]
    if name == "Callable":
        return [("object", None)]
    found = _resolved(node, place)
    if found is None:  # a class that is imported for type checkers only
        return [("object", None)]
    if not isinstance(found, type) or found in (Any, object) or issubclass(found, _PLAIN):
        return None
    return [("object", None)]


def _resolved(node: ast.expr, place: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Attribute):
        return getattr(_resolved(node.value, place), node.attr, None)
    return place.get(node.id, getattr(builtins, node.id, None)) if hasattr(node, "id") else None


def _joined(each: list[list[_Kind] | None]) -> list[_Kind] | None:
    if any(kinds is None for kinds in each):
        return None
    return [kind for kinds in each for kind in kinds or ()]


def _fits(value: Any, kind: str, inner: Any, place: Mapping[str, Any], text: bool) -> bool:
    if kind == "None":
        return value is None
    if kind == "bool":
        return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")
    if kind == "literal":
        return value == inner
    if kind == "str":
        return isinstance(value, str)
    if kind == "dict":
        return isinstance(value, Mapping)
    if kind == "list":
        if not isinstance(value, (list, tuple, set, frozenset, range)):
            return False
        kinds = None if inner is None else _kinds(inner, place)
        return kinds is None or all(
            not _is_plain(part) or any(_fits(part, *one, place, text) for one in kinds)
            for part in value
        )
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return False
    if kind == "float":
        return True
    return kind == "int" and (isinstance(value, numbers.Integral) or float(value).is_integer())


def _is_plain(value: Any) -> bool:
    return isinstance(value, _PLAIN) or type(value).__name__ == "bool_"


def _said(kind: str) -> str:
    return _WORDS.get(kind, "one of the known values")


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _plain(function: Any) -> Any:
    """The function whose globals the annotations of a callable refer to."""
    if isinstance(function, type):
        return function.__init__
    return getattr(function, "__func__", function)
