"""What several test files share: the data beside the project, and hypothesis without clocks."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

# no deadline: a first call may load a library; in CI the same cases every time, so that red means a change of the code
hypothesis.settings.register_profile("thalweg", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("thalweg")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs ../shared/data, which is not here")
    return SHARED_DATA


@pytest.fixture(scope="session")
def optima(shared_data: Path) -> dict[str, dict[str, Any]]:
    """`optima.json`: the minimum of the objective on some data sets, by an independent solver."""
    return json.loads((shared_data / "optima.json").read_text())


@pytest.fixture(scope="session")
def a9a(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    """a9a dense: X (32561, 123), y in {0, 1}."""
    return svmlight(shared_data / "a9a" / "a9a.gz", 123)


@pytest.fixture(scope="session")
def agaricus(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    """The mushrooms dense: X (6513, 127), y in {0, 1}."""
    return svmlight(shared_data / "mushrooms" / "agaricus.train.gz", 127)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of 1.7 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1700k", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def svmlight(path: Path, p: int) -> tuple[np.ndarray, np.ndarray]:
    """A libsvm file as dense arrays, labels as 0 and 1, by scikit-learn's parser rather than ours."""
    from sklearn.datasets import load_svmlight_file

    X, y = load_svmlight_file(str(path), n_features=p)
    return X.toarray(), (y > 0).astype(np.float64)
