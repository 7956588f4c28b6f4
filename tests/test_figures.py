"""The figures are drawn from real runs, readable without colour, and the same file every time."""

import warnings
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from thalweg import figures
from thalweg.descent import DOUBLE_WELL, HIMMELBLAU, DifferentValleysWarning, bowl, descend, random_starts
from thalweg.errors import DataError, OptionalDependencyError, OutputError, UsageError
from thalweg.figures import canvas
from thalweg.textbook import minibatch


def parabola(x: np.ndarray) -> float:
    return float((x[0] - 1.0) ** 2)


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
        "valleys": ("Himmelblau", "starts", "log(1 + height)"),
        "learning-rates": ("too small", "good", "too large", "2/L", "J at the start"),
        "batch-mini-batch-sgd": ("updates", "epochs", "batch (200), η = 0.8", "SGD (1), η = 0.2", "bottom"),
        "training-and-held-out": ("training", "held out", "best at step"),
        "decision-boundary": ("y = 0", "y = 1", "0.5"),
    }.items():
        text = (folder / f"{name}.svg").read_text()
        for word in words:
            assert word in text, (name, word)


@pytest.mark.parametrize("name", figures.FIGURES)
def test_the_same_run_is_the_same_file(name: str, folder: Path, tmp_path: Path) -> None:
    again = figures.FIGURES[name]().save(tmp_path / f"{name}.svg")
    assert again.read_bytes() == (folder / f"{name}.svg").read_bytes()


def title(figure: figures.Figure, panel: int = 0) -> str:
    return str(figure.axes[panel].get_title())


def names(figure: figures.Figure, panel: int = 0) -> list[str]:
    return list(figure.axes[panel].get_legend_handles_labels()[1])


def test_the_tangent_has_the_slope_of_the_function_also_with_momentum() -> None:
    walk = descend(parabola, 0.0, lambda x: 2 * (x - 1.0), rate=0.15, momentum=0.9, steps=5)
    figure = figures.slope(parabola, walk, -1, 4, steps=5)
    tangents = [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    for tangent, at in zip(tangents, walk.paths[0].points[:5, 0], strict=True):
        run, rise = np.ptp(tangent.get_xdata()), np.diff(tangent.get_ydata())[0]
        assert rise / run == pytest.approx(2 * (at - 1.0), abs=1e-12)
    assert title(figure) == "Momentum carries on, even up the slope"


def test_the_title_of_a_slope_says_which_way_it_leads() -> None:
    for start, words in ((0.0, "negative slope, step to the right"), (3.0, "positive slope, step to the left")):
        figure = figures.slope(parabola, descend(parabola, start, lambda x: 2 * (x - 1.0), rate=0.2), -1, 4)
        assert words in title(figure)
    assert "step by step" in title(figures.slope(parabola, descend(parabola, 0.0, rate=0.2), -1, 4, steps=2))


def test_the_title_of_losses_says_whether_the_held_out_loss_turns() -> None:
    for held, words in (([3.0, 1.0, 2.0], "turns at step 1"), ([3.0, 2.0, 1.0], "has not turned")):
        rows = [{"step": t, "objective": 1.0, "holdout_loss": loss} for t, loss in enumerate(held)]
        figure = figures.losses(rows)
        assert words in title(figure)
    assert names(figure)[:2] == ["training: loss and penalty", "held out: loss alone"]


def test_the_gradient_stands_square_on_its_contour() -> None:
    figure = figures.gradient_vector(bowl().fun, bowl().grad, (1.0, 1.0), (-3.0, -2.0), (3.0, 2.0))
    assert figure.axes[0].get_aspect() == 1.0


def test_each_valley_has_a_dash_and_a_marker_of_its_own_and_lost_ways_are_shown() -> None:
    with pytest.warns(DifferentValleysWarning):
        walk = descend(HIMMELBLAU.fun, random_starts(8, (-5, -5), (5, 5), seed=3), HIMMELBLAU.grad, rate=0.001)
    figure = figures.valleys(HIMMELBLAU, walk)
    for axes in figure.axes:
        ends = [line for line in axes.lines if line.get_marker() not in ("x", "None")]
        assert len(ends) == len({line.get_marker() for line in ends}) == len(walk.valleys)
        assert len({line.get_linestyle() for line in ends}) == len(walk.valleys)
    lost = descend(HIMMELBLAU.fun, [[1.0, 1.0], [4.0, 4.0]], HIMMELBLAU.grad, rate=0.001, steps=3)
    assert names(figures.valleys(HIMMELBLAU, lost), 1) == ["arrived nowhere"]


def test_the_ways_may_be_drawn_over_updates_epochs_or_time() -> None:
    trace = minibatch.descend(np.ones((4, 1)), [0, 1, 0, 1], batch_size=2, eta=0.1, epochs=3)
    for kind, words, last in (("updates", "updates", 6), ("epochs", "epochs", 3), ("time", "milliseconds", None)):
        panel = figures.paths({"two": trace}, HIMMELBLAU.fun, (-1, -1), (1, 1), over=[kind]).axes[1]
        assert panel.get_xlabel() == words
        assert panel.lines[0].get_xdata()[-1] == (1e3 * trace.seconds[-1] if last is None else last)


def test_every_rate_is_drawn_against_the_same_start() -> None:
    figure = figures.FIGURES["learning-rates"]()
    assert all(names(figure, i)[-1] == "J at the start" for i in range(3))
    assert [axes.lines[-1].get_ydata()[0] for axes in figure.axes] == pytest.approx([np.log(2.0)] * 3)


def test_a_boundary_names_only_the_lines_that_cross_its_samples() -> None:
    X, y = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]), [0, 1, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        crossed = figures.boundary(X, y, [5.0, 0.0], -5.0)
        outside = figures.boundary(X, y, [1.0, 0.0], 50.0)
        narrow = figures.boundary(X * [1, 0], y, [5.0, 0.0], -5.0)
    assert names(crossed) == names(narrow) == ["y = 0", "y = 1", "P = 0.1", "P = 0.5", "P = 0.9"]
    assert names(outside) == ["y = 0", "y = 1"] and "outside" in title(outside)


def test_nothing_to_name_is_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        canvas.legend(axes := figures.Figure().axes[0])
    assert axes.get_legend() is None


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
    still = descend(parabola, 1.0, lambda x: 2 * (x - 1.0))
    with pytest.raises(UsageError, match="no step to draw: Reached a bottom"):
        figures.slope(parabola, still, -1, 1)
    trace = minibatch.descend(np.zeros((4, 2)), [0, 1, 0, 1], batch_size=4, eta=0.1, epochs=1)
    with pytest.raises(UsageError, match="3 parameters"):
        figures.paths({"batch": trace}, HIMMELBLAU.fun, (-1, -1), (1, 1))
    for over in ("updates", [], ["days"]):
        with pytest.raises(UsageError, match="over is"):
            figures.paths({}, HIMMELBLAU.fun, (-1, -1), (1, 1), over=over)
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


@pytest.mark.parametrize(
    ("X", "y", "w", "b", "words"),
    [
        (np.zeros((3, 1)), np.zeros(3), np.zeros(1), 0.0, "a boundary needs"),
        (np.zeros((3, 2)), np.zeros(3), np.zeros(2), [0.0], "a boundary needs"),
        (np.zeros((0, 2)), [], np.zeros(2), 0.0, "X has no rows"),
        ("a", [1], np.zeros(2), 0.0, "X must hold numbers"),
        ([[0.0, np.nan]], [1], np.zeros(2), 0.0, "X[0, 1] is nan"),
        ([[0.0, 1.0]], [0.3], np.zeros(2), 0.0, "y[0] is 0.3"),
        ([[0.0, 1.0]], [1], np.zeros(2), "a", "b must hold numbers"),
    ],
)
def test_a_boundary_of_bad_input_is_refused_in_words(X: object, y: object, w: object, b: object, words: str) -> None:
    with pytest.raises(DataError) as refused:
        figures.boundary(X, y, w, b)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("gradient", "at", "low", "words"),
    [
        (lambda x: np.ones(3), (0.0, 0.0), (-1, -1), "gradient has shape (3,)"),
        (lambda x: x, (0.0, 0.0, 0.0), (-1, -1), "at has shape (3,)"),
        (lambda x: x, "a", (-1, -1), "at must hold numbers"),
        (lambda x: x, (0.0, 0.0), (2, -1), "low must lie below high"),
    ],
)
def test_a_gradient_vector_of_bad_input_is_refused_in_words(
    gradient: object, at: object, low: object, words: str
) -> None:
    with pytest.raises(DataError) as refused:
        figures.gradient_vector(bowl().fun, gradient, at, low, (1, 1))
    assert words in str(refused.value)
