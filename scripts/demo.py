"""`make demo`: the real command line on real data, the breast-cancer table that scikit-learn carries."""

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer


def main() -> None:
    """Write the table, then fit, evaluate, predict and show."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(folder)
        print("569 tumours, 30 measurements each on scales from 0.001 to 4,000; a quarter of the rows is held out.\n")
        run(folder, "fit tumours.csv --target diagnosis --positive malignant --holdout 0.25")
        run(folder, "show tumours.thalweg --top 5")
        run(folder, "predict tumours.thalweg new.csv")
    print("Now try it on your own table:\n\n    .venv/bin/thalweg fit YOUR.csv --target COLUMN --holdout 0.2\n")


def write_table(folder: Path) -> None:
    """tumours.csv with a header and words for labels; new.csv, its first five rows without the label."""
    data = load_breast_cancer()
    header = [str(feature).replace(" ", "_") for feature in data.feature_names]
    labels = np.array(data.target_names)[data.target]
    lines = [",".join(f"{value:g}" for value in row) for row in data.data]
    full = [",".join([*header, "diagnosis"]), *(f"{line},{label}" for line, label in zip(lines, labels, strict=True))]
    (folder / "tumours.csv").write_text("\n".join(full) + "\n")
    (folder / "new.csv").write_text("\n".join([",".join(header), *lines[:5]]) + "\n")


def run(folder: Path, arguments: str) -> None:
    """Show a command, and run it."""
    print(f"$ thalweg {arguments}", flush=True)
    done = subprocess.run([sys.executable, "-m", "thalweg", *shlex.split(arguments)], cwd=folder, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    print(flush=True)


if __name__ == "__main__":
    main()
