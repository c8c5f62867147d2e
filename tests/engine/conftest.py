"""The toy models as a fixture: the test folders are not packages."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def toy():
    """The module ``stream_toy``."""
    spec = importlib.util.spec_from_file_location(
        "stream_toy", Path(__file__).parent / "stream_toy.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
