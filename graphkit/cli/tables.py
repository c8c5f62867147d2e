"""Reading and writing tables: CSV (also .gz, .bz2, .xz) and Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from graphkit.errors import GraphError, MissingFileError, require
from graphkit.files import unpacked

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_output", "first_line", "is_parquet", "read_table", "write_table"]

_PARQUET = (".parquet", ".pq")
_TEXT = (".csv", ".tsv", ".txt")
_COMPRESSED = (".gz", ".bz2", ".xz")


def is_parquet(path: str | Path) -> bool:
    """Whether a file is Parquet by its suffix; all other files are read as text."""
    return Path(path).suffix.lower() in _PARQUET


def read_table(
    path: str | Path,
    *,
    sep: str = ",",
    text: tuple[str, ...] = (),
    only: str | None = None,
    index: bool = False,
) -> pd.DataFrame:
    """Read a table; floating-point values are exact to the last bit.

    Args:
        path: ``.parquet``, or text with a header.
        sep: Separator of the fields of a text file.
        text: Columns of a text file whose values are kept as text, such as labels; an empty field
            is a missing value.
        only: The only column of a text file to read; no column is read if it does not exist.
        index: Whether the index of a Parquet file becomes a column if it has a name.

    Raises:
        MissingFileError: The file does not exist.
        GraphError: The file is empty or is not a table.
        MissingPackageError: The file is Parquet and pyarrow is not installed.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_file():
        raise MissingFileError(path)
    if is_parquet(path):
        require("pyarrow", extra="scale")
        try:
            frame = pd.read_parquet(path)
        except (ValueError, OSError) as error:
            raise _no_table(path, error) from error
        return frame.reset_index() if index and frame.index.name is not None else frame
    options: dict[str, Any] = {} if only is None else {"usecols": lambda name: name == only}
    options |= {"sep": sep, "engine": "c", "low_memory": False}
    if tuple(int(part) for part in pd.__version__.split(".")[:2]) < (3, 1):
        options["float_precision"] = "round_trip"  # the default from 3.1 on
    try:
        with unpacked(path):
            _check_width(path, sep)
            frame = pd.read_csv(path, **options)
            there = [name for name in text if name in frame.columns]
        if there:  # NA, null and 007 are labels
            options |= {"dtype": str, "keep_default_na": False, "na_values": [""]}
            labels = pd.read_csv(path, **options | {"usecols": there})
            frame = frame.assign(**{name: labels[name].astype(object) for name in there})
    except pd.errors.EmptyDataError:
        raise GraphError(str(path), "the file is empty", expected="one row per line") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise _no_table(path, error) from error
    return frame


def _check_width(path: Path, sep: str) -> None:
    """Refuse rows with more fields than the header: pandas reads their first fields as an index."""
    import csv
    import itertools

    with _opened(path) as file:
        records = filter(None, csv.reader(file, delimiter=sep))
        head, row = [*itertools.islice(records, 2), [], []][:2]
    if len(row) > len(head):
        raise GraphError(
            str(path),
            "rows have more fields than the header",
            row=0,
            expected=f"{len(head)} fields",
            got=f"{len(row)} fields",
            fix="Change the header or the rows.",
        )


def first_line(path: str | Path) -> str:
    """Read the first line of a text file, which may be compressed.

    Raises:
        MissingFileError: The file does not exist.
        GraphError: The file is not text.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(path)
    try:
        with unpacked(path), _opened(path) as file:
            return file.readline()
    except UnicodeDecodeError as error:
        raise _no_table(path, error) from error


def _opened(path: Path) -> TextIO:
    import bz2
    import gzip
    import lzma

    packed: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    opener = packed.get(path.suffix.lower(), open)
    return opener(path, "rt", encoding="utf-8-sig", newline="")


def check_output(path: str | Path) -> Path:
    """Refuse an output name that cannot be written, before anything is computed.

    Raises:
        GraphError: The suffix is neither CSV nor Parquet, or the path is a folder.
        MissingPackageError: The suffix is Parquet and pyarrow is not installed.
    """
    path = Path(path)
    kinds = [s.lower() for s in path.suffixes if s.lower() not in _COMPRESSED]
    if path.is_dir():
        raise GraphError("--out", f"'{path}' is a folder", expected="a file such as scores.csv")
    if not kinds or kinds[-1] not in (*_PARQUET, *_TEXT):
        raise GraphError(
            "--out",
            f"'{path.name}' is of no kind that can be written",
            expected="a name that ends with .csv, .tsv or .parquet",
        )
    if is_parquet(path):
        require("pyarrow", extra="scale")
    return path


def write_table(frame: pd.DataFrame, path: str | Path, *, index: bool = False) -> Path:
    """Write a table. The file appears only when it is complete.

    Args:
        frame: The table.
        path: ``.csv``, ``.tsv`` (each also compressed) or ``.parquet``.
        index: Also write the index, as the first column.

    Raises:
        GraphError: The suffix is not supported, or Parquet has no type for a column.
    """
    from graphkit.files import write_atomically

    path = check_output(path)
    if is_parquet(path):
        frame = frame.reset_index() if index else frame

        frame = frame.set_axis(list(map(str, frame.columns)), axis=1)

        def write(file: BinaryIO) -> None:
            try:
                frame.to_parquet(file, index=False)
            except ValueError as error:  # such as a column of numbers and text
                raise GraphError(
                    "--out",
                    f"Parquet cannot hold the table ({' '.join(str(error).split())})",
                    fix="Write a .csv file.",
                ) from error
    else:
        packed = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz"}.get(path.suffix.lower())
        sep = "\t" if ".tsv" in [s.lower() for s in path.suffixes] else ","

        def write(file: BinaryIO) -> None:
            frame.to_csv(file, index=index, sep=sep, compression=packed)

    return write_atomically(path, write)


def _no_table(path: Path, error: Exception) -> GraphError:
    return GraphError(
        str(path),
        f"the file is no table ({' '.join(str(error).split())})",
        fix="Check --sep; graphkit inspect shows what a file looks like.",
    )
