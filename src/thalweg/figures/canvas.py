"""The only file that imports matplotlib: a page to draw on, one look for all figures, and saving them."""

from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.errors import OptionalDependencyError, UsageError
from thalweg.output import write_whole

# Okabe and Ito's colours (2008), told apart by colour-blind eyes; sorted so that their greys differ as well
BLACK, BLUE, VERMILLION, GREEN, ORANGE, SKY = "#000000", "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9"
COLOURS = (BLUE, ORANGE, BLACK, VERMILLION, SKY, GREEN)
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))  # a second way to tell lines apart, in grey
MARKERS = ("o", "s", "^", "D", "v", "P")
FORMATS = ("svg", "png")

_LOOK: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",  # words stay words: small files, searchable, drawn in the reader's own fonts
    "svg.hashsalt": "thalweg",  # the same figure is the same file
    "savefig.dpi": 120,
}


class Figure:
    """One picture: its panels, and `save`."""

    def __init__(self, panels: int = 1, width: float = 5.0, height: float = 3.8, surface: bool = False) -> None:
        """`panels` side by side, each `width` x `height` inches; with `surface` the first one is in three dimensions.

        Raises OptionalDependencyError without matplotlib.
        """
        if find_spec("matplotlib") is None:
            raise OptionalDependencyError('figures need matplotlib: pip install "thalweg[figures]".')
        import matplotlib
        from matplotlib.figure import Figure as Page

        with matplotlib.rc_context(_LOOK):
            self.page = Page(figsize=(width * panels, height), layout="constrained")
            self.axes: list[Any] = [
                self.page.add_subplot(1, panels, i + 1, projection="3d" if surface and i == 0 else None)
                for i in range(panels)
            ]

    def save(self, path: str | Path) -> Path:
        """Write the picture as its ending says, .svg or .png.

        Raises UsageError for another ending, OutputError where it cannot be written.
        """
        import matplotlib

        path = Path(path)
        if path.suffix.lstrip(".") not in FORMATS:
            raise UsageError(f"{path}: a figure ends in .svg or .png.")
        buffer = BytesIO()
        with matplotlib.rc_context(_LOOK):
            metadata = {"Date": None} if path.suffix == ".svg" else {}
            self.page.savefig(buffer, format=path.suffix[1:], metadata=metadata)
        write_whole(path, buffer.getvalue(), "the figure")
        return path


def colour_and_style(i: int) -> dict[str, Any]:
    """How the i-th line is drawn: a colour, and a dash that tells it apart in grey."""
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": STYLES[i % len(STYLES)]}


def label(axes: Any, x: str, y: str, title: str = "") -> None:
    """Name both axes, and the panel."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title)


def legend(axes: Any, below: int = 0) -> None:
    """Name the lines inside the panel, or below it in that many columns; nothing where none has a name."""
    if not axes.get_legend_handles_labels()[1]:
        return
    if below:
        axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=below, fontsize=9)
    else:
        axes.legend(frameon=False)


def contours(axes: Any, fun: Any, low: Sequence[float], high: Sequence[float], levels: Any = 18) -> None:
    """Grey contour lines of a function of two numbers over a window, closer together near the bottom."""
    x, y = np.linspace(low[0], high[0], 81), np.linspace(low[1], high[1], 81)
    values = np.array([[fun(np.array([a, b])) for a in x] for b in y])
    if isinstance(levels, int):
        bottom, top = float(values.min()), float(values.max())
        levels = bottom + (top - bottom) * np.linspace(0.0, 1.0, levels + 1)[1:] ** 3
    axes.contour(x, y, values, levels=levels, colors="0.7", linewidths=0.8)
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(low[1], high[1])
