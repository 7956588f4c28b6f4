"""The figures are drawn from real runs, readable without colour, and the same file every time."""

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from thalweg import figures
from thalweg.descent import DOUBLE_WELL, HIMMELBLAU, bowl, descend
from thalweg.errors import DataError, OptionalDependencyError, OutputError, UsageError
from thalweg.figures import canvas
from thalweg.textbook import minibatch


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    figures.draw(folder)
    return folder


@pytest.mark.parametrize("name", figures.FIGURES)
def test_every_figure_is_an_svg_whose_words_are_words(name: str, folder: Path) -> None:
    text = (folder / f"{name}.svg").read_text()
    ElementTree.fromstring(text)
    assert text.count("<text") > 5  # searchable, and in the reader's own fonts
    assert len(text) < 400_000


def test_the_labels_name_what_is_drawn(folder: Path) -> None:
    for name, words in {
        "slope": ("weight w", "loss", "slope -"),
        "gradient-vector": ("uphill", "downhill"),
        "valleys": ("Himmelblau", "starts"),
        "learning-rates": ("too small", "good", "too large", "2/L"),
        "batch-mini-batch-sgd": ("updates", "epochs", "milliseconds", "batch (200)", "SGD (1)"),
        "training-and-held-out": ("training", "held out", "best at step"),
        "decision-boundary": ("y = 0", "y = 1", "0.5"),
    }.items():
        text = (folder / f"{name}.svg").read_text()
        for word in words:
            assert word in text, (name, word)


def test_the_same_run_is_the_same_file(tmp_path: Path) -> None:
    first, second = (figures.FIGURES["slope"]().save(tmp_path / f"{i}.svg").read_bytes() for i in range(2))
    assert first == second


def test_colours_are_told_apart_in_grey() -> None:
    """Luminance of neighbours in the order they are used, besides their dashes and markers."""

    def grey(colour: str) -> float:
        r, g, b = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.299 * r + 0.587 * g + 0.114 * b

    greys = [grey(colour) for colour in canvas.COLOURS[:4]]
    assert min(abs(a - b) for a, b in pairwise(greys)) > 0.2
    assert len(set(map(str, canvas.STYLES))) == len(canvas.MARKERS) == len(canvas.COLOURS)


def test_a_png_is_a_png(tmp_path: Path) -> None:
    path = figures.FIGURES["decision-boundary"]().save(tmp_path / "figure.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_drawn_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = descend(DOUBLE_WELL.fun, 1.5, DOUBLE_WELL.grad, rate=0.05)
    with pytest.raises(UsageError, match="two dimensions, but double well has 1"):
        figures.valleys(DOUBLE_WELL, walk)
    flat = descend(bowl().fun, (1.0, 1.0), bowl().grad)
    with pytest.raises(UsageError, match="the walk has 2"):
        figures.slope(bowl().fun, flat, -1, 1)
    with pytest.raises(UsageError, match="no held-out losses"):
        figures.losses([{"step": 0, "objective": 1.0, "holdout_loss": None}])
    with pytest.raises(DataError, match="a boundary needs"):
        figures.boundary(np.zeros((3, 1)), np.zeros(3), np.zeros(1), 0.0)
    trace = minibatch.descend(np.zeros((4, 2)), [0, 1, 0, 1], batch_size=4, eta=0.1, epochs=1)
    with pytest.raises(UsageError, match="3 parameters"):
        figures.paths({"batch": trace}, HIMMELBLAU.fun, (-1, -1), (1, 1))
    with pytest.raises(UsageError, match=r"ends in \.svg or \.png"):
        figures.Figure().save(tmp_path / "figure.pdf")
    with pytest.raises(UsageError, match="'gif' is not known"):
        figures.draw(tmp_path, "gif")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        figures.Figure().save(tmp_path / "file" / "figure.svg")
    with pytest.raises(OutputError, match="file"):
        figures.draw(tmp_path / "file")
    monkeypatch.setattr(canvas, "find_spec", lambda name: None)
    with pytest.raises(OptionalDependencyError, match=r"thalweg\[figures\]"):
        figures.Figure()
