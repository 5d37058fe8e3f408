"""Real data."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def data() -> Path:
    folder = os.environ.get("STATEWISE_DATA")
    if folder is None:
        pytest.skip("STATEWISE_DATA names no folder of datasets")
    return Path(folder)
