"""What is installed and which fast paths are active: ``python -m graphkit.env``.

No function here raises an error: a package that cannot be loaded is reported with its own error
message. Each package is loaded in a separate process, because its import may end the process.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from graphkit.errors import DISTRIBUTION, install_command

__all__ = ["Package", "optional_packages", "report"]

_CORE = (
    "torch",
    "torch-geometric",
    "numpy",
    "pandas",
    "networkx",
    "scipy",
    "safetensors",
    "tqdm",
    "lightning-fabric",
)
# Module, distribution, extra, purpose.
_OPTIONAL = (
    ("numba", "numba", "fast", "compiled loops on the CPU"),
    ("torch_scatter", "torch-scatter", "scatter", "PyG's aggregations"),
    ("dgl", "dgl", "dgl", "to_dgl, from_dgl"),
    ("tgb", "py-tgb", "tgb", "the oracle of the TGB protocol in tests"),
    ("pyarrow", "pyarrow", "scale", "Parquet and Arrow files"),
    ("duckdb", "duckdb", "scale", "queries over Parquet files"),
    ("matplotlib", "matplotlib", "plot", "curves of results"),
    ("timm", "timm", "vision", "image encoders"),
    ("transformers", "transformers", "llm", "text encoders"),
    ("peft", "peft", "llm", "text encoders"),
    ("mne", "mne", "eeg", "recordings"),
    ("h5py", "h5py", "h5", "METR-LA and PEMS-BAY"),
    ("biotite", "biotite", "protein", "structures"),
    ("obonet", "obonet", "protein", "ontologies"),
    ("tensorboard", "tensorboard", "loggers", "logs of training"),
    ("wandb", "wandb", "loggers", "logs of training"),
    ("mlflow", "mlflow-skinny", "loggers", "logs of training"),
    ("triton", "triton", None, "torch.compile on GPUs"),
)
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS")
_TIMEOUT = 120.0  # seconds for one package to load


@dataclass(frozen=True)
class Package:
    """State of an optional package in this environment.

    Attributes:
        name: Name of the module.
        version: Version of the installed distribution, ``None`` if it is not installed.
        problem: Reason why the package cannot be loaded, ``None`` if it loads or is absent.
        extra: Extra of graphkit that installs the package, if there is one.
        serves: Purpose of the package.
    """

    name: str
    version: str | None
    problem: str | None
    extra: str | None
    serves: str

    @property
    def works(self) -> bool:
        """Whether the package is installed and loads."""
        return self.version is not None and self.problem is None


def optional_packages() -> list[Package]:
    """All optional packages, each loaded in a separate process."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(lambda known: _look(*known), _OPTIONAL))


def report() -> str:
    """Versions, devices, active paths, folders and variables, as text."""
    found = optional_packages()
    by_name = {package.name: package for package in found}
    sections = {
        "": _machine(),
        "needed": [(name, _version(name) or "not installed") for name in _CORE],
        "optional": [(package.name, _state(package)) for package in found],
        "active paths": _paths(by_name),
        "folders": _folders(),
        "variables": _variables(),
    }
    lines: list[str] = []
    for title, rows in sections.items():
        lines += ([f"{title}:"] if title else []) + _aligned(rows, "  " if title else "")
    return "\n".join(lines)


def _look(module: str, distribution: str, extra: str | None, serves: str) -> Package:
    version = _version(distribution)
    if version is None:
        try:
            version = None if util.find_spec(module) is None else "unknown version"
        except (ImportError, ValueError):
            version = None
    problem = None if version is None else _failure(module)
    return Package(module, version, problem, extra, serves)


def _failure(module: str) -> str | None:
    """Why a module cannot be imported, ``None`` if it can."""
    program = (
        "import importlib, sys\n"
        "try: importlib.import_module(sys.argv[1])\n"
        "except BaseException as error:\n"
        "    print('\\0', type(error).__name__, ': ', error, sep='', file=sys.stderr)\n"
        "    sys.exit(3)"
    )
    environment = {"DGLBACKEND": "pytorch", **os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, module],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            env=environment,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{type(error).__name__}: {error}"
    if done.returncode == 0:
        return None
    said = done.stderr.rpartition("\0")[2].strip().splitlines() if "\0" in done.stderr else []
    return said[0] if said else f"the process ends at import with code {done.returncode}"


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except Exception:  # absent, or its metadata are damaged
        return None


def _state(package: Package) -> str:
    install = install_command(package.extra) if package.extra else ""
    if package.version is None:
        return f"not installed ({package.serves}{': ' if install else ''}{install})"
    if package.problem is not None:
        return f"{package.version}, BROKEN ({package.serves}): {package.problem}"
    return f"{package.version} ({package.serves})"


def _namesake() -> list[tuple[str, str]]:
    """A row about the other project whose distribution is called graphkit, if it is installed."""
    try:
        other = metadata.distribution("graphkit")
        version, place = other.version, other.locate_file("")
    except Exception:  # absent, or its metadata are damaged
        return []
    return [
        (
            "IN THE WAY",
            f"distribution graphkit {version} in {place}: another project, or an early "
            f"{DISTRIBUTION}, that installs into the same folder. Run pip uninstall graphkit, "
            f"then pip install --force-reinstall --no-deps {DISTRIBUTION}",
        )
    ]


def _machine() -> list[tuple[str, str]]:
    import graphkit

    rows = [
        ("graphkit", f"{graphkit.__version__} in {Path(graphkit.__file__).parent}"),
        ("distribution", f"{DISTRIBUTION} {_version(DISTRIBUTION) or 'is not installed'}"),
        *_namesake(),
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
    ]
    try:
        import torch
    except Exception as error:
        return [*rows, ("torch", f"BROKEN: {type(error).__name__}: {error}")]
    cuda = "this torch is built without it"
    if torch.version.cuda:
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        cuda = f"{torch.version.cuda}, {', '.join(names) or 'no device'}"
    threads = f"torch uses {torch.get_num_threads()} of {os.cpu_count()} cores"
    return [*rows, ("torch", torch.__version__), ("CUDA", cuda), ("threads", threads)]


def _paths(found: dict[str, Package]) -> list[tuple[str, str]]:
    return [
        ("loops of stream models on the CPU", _loops(found["numba"])),
        ("scatter in PyG", _scatter(found["torch_scatter"])),
        ("DGL graphs", _usable(found["dgl"])),
        ("Parquet and Arrow", _usable(found["pyarrow"])),
        ("plots", _usable(found["matplotlib"])),
    ]


def _loops(numba: Package) -> str:
    from graphkit.ops.compiled import use_compiled

    if os.environ.get("GRAPHKIT_COMPILED", "1") == "0":
        return "torch (GRAPHKIT_COMPILED=0 switches the compiled loops off)"
    if not numba.works or not use_compiled():
        return f"torch, slower ({_missing(numba)})"
    return "compiled by numba"


def _scatter(scatter: Package) -> str:
    if not scatter.works:
        return f"torch ({_missing(scatter)})"
    try:
        from torch_geometric.typing import WITH_TORCH_SCATTER
    except Exception as error:
        return f"BROKEN: {type(error).__name__}: {error}"
    return "torch, and torch-scatter where PyG prefers it" if WITH_TORCH_SCATTER else "torch"


def _usable(package: Package) -> str:
    return "yes" if package.works else f"no ({_missing(package)})"


def _missing(package: Package) -> str:
    return f"{package.name} {'is not installed' if package.version is None else 'does not load'}"


def _folders() -> list[tuple[str, str]]:
    from graphkit.datasets.lookup import cache_dir

    data = os.environ.get("GRAPHKIT_DATA")
    own = "none (GRAPHKIT_DATA is not set)"
    if data:
        own = data if Path(data).expanduser().is_dir() else f"{data} IS NOT A FOLDER"
    try:
        cache = cache_dir()
        writable = _writable(cache)
        downloads = f"{cache}{'' if writable else ' CANNOT BE WRITTEN TO, set GRAPHKIT_CACHE'}"
    except RuntimeError as error:  # no home directory
        downloads = f"UNKNOWN, set GRAPHKIT_CACHE ({error})"
    return [("own data sets", own), ("downloads", downloads), ("compiled loops", _loops_folder())]


def _loops_folder() -> str:
    """Folder in which numba caches machine code, by numba's rules but without importing it."""
    from graphkit.ops import compiled

    chosen = os.environ.get("NUMBA_CACHE_DIR")
    beside = Path(compiled.__file__).parent / "__pycache__"
    if chosen:
        return f"{chosen}{'' if _writable(Path(chosen)) else ' CANNOT BE WRITTEN TO'}"
    return str(beside) if _writable(beside) else "the user's cache folder, or compiled every time"


def _writable(folder: Path) -> bool:
    """Whether files can be written to the folder, or the folder can be created."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _variables() -> list[tuple[str, str]]:
    names = sorted(name for name in os.environ if name.startswith("GRAPHKIT_"))
    rows = [(name, os.environ[name]) for name in [*names, *_VARIABLES] if name in os.environ]
    return rows or [("none", "of GRAPHKIT_* and of threads is set")]


def _aligned(rows: list[tuple[str, str]], indent: str) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [f"{indent}{name.ljust(width)}  {text}" for name, text in rows]


if __name__ == "__main__":
    print(report())
