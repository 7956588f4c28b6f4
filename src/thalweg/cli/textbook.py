"""`thalweg textbook`: the chapters' examples, printed and drawn."""

import click

from thalweg.names import SCHEDULE_NAMES


@click.group("textbook", short_help="The textbook chapters' examples, printed and drawn.")
def command() -> None:
    """Everything the chapters teach, as it runs: numbers in formulas, loops against matrices, proofs, figures."""


@command.command("worked-example")
@click.option("--steps", type=int, default=2, show_default=True, help="Updates to carry the example on for.")
@click.option("--eta", type=float, default=0.1, show_default=True, help="Learning rate.")
def worked(steps: int, eta: float) -> None:
    """One sample, x = (3, 2), y = 1: every number put into every formula (SLP 5.6.3)."""
    from thalweg.textbook.worked_example import worked_example

    click.echo(str(worked_example(steps, eta=eta)))


@command.command("loops")
@click.option("--size", "sizes", nargs=2, type=int, multiple=True, metavar="N M", help="Features, samples; repeatable.")
def loops(sizes: tuple[tuple[int, int], ...]) -> None:
    """One pass with two nested loops, vectorised, and by the blocked kernel: seconds, and why."""
    from thalweg.textbook.timing import SIZES, time_passes

    click.echo(
        f"{'n':>6} {'m':>8} {'loop':>12} {'vectorised':>12} {'blocked':>12} {'loop/vec.':>10} {'vec./blocked':>13}"
    )
    for n, m in sizes or SIZES:
        (timing,) = time_passes([(n, m)])
        seconds = f"{1e3 * timing.loop:9.3f} ms {1e3 * timing.vectorized:9.3f} ms {1e3 * timing.blocked:9.3f} ms"
        click.echo(f"{n:6d} {m:8d} {seconds} {timing.ratio:9.0f}x {timing.vectorized / timing.blocked:12.1f}x")
    click.echo(
        "\nEach pass multiplies and adds 2·n·m times. The loop asks Python for every one of them; the vectorised form\n"
        "asks once for all, so that compiled code runs through memory; the blocked kernel does that in pieces which\n"
        "stay in the cache between forward and backward, on all threads. Checks of the input are not timed."
    )


@command.command("derive")
@click.option("--points", type=int, default=100, show_default=True, help="Random points to try each line at.")
def derivation(points: int) -> None:
    """The gradient derived line by line (SLP 4.56 to 4.61, and Ng's da, dz, dw, db), each proved by SymPy."""
    from thalweg.textbook.derivation import derive

    derived = derive(points=points)
    click.echo(str(derived))
    if derived.lines[0].proved is None:
        click.echo('Tried on numbers only: with SymPy every line is proved as well (pip install "thalweg[derive]").')


@command.command("rates")
@click.option("--rate", "rates", type=float, multiple=True, help="A rate to study; repeatable.  [default: 0.001/L...]")
@click.option("--steps", type=int, default=1000, show_default=True, help="Steps to give each rate.")
@click.option("--l2", type=float, default=0.0, help="Strength of l2/2·‖w‖², without the bias.  [default: 0]")
@click.option(
    "--schedule", "schedules", type=click.Choice(SCHEDULE_NAMES), multiple=True,
    help="How each rate falls over the steps; repeatable.  [default: constant]",
)  # fmt: skip
def study(rates: tuple[float, ...], steps: int, l2: float, schedules: tuple[str, ...]) -> None:
    """Learning rates on two overlapping clouds of samples: too small, good, too large, and the largest safe one."""
    import numpy as np

    from thalweg.textbook.examples import two_clouds
    from thalweg.textbook.rates import study_rates

    X, y = two_clouds()
    with_ones = np.hstack([X, np.ones((len(X), 1))])
    names = schedules or ("constant",)
    click.echo(str(study_rates(with_ones, y, rates or None, l2=l2, steps=steps, schedules=names)))


@command.command("figures")
@click.option(
    "-o", "--output", "folder", metavar="FOLDER", default="figures", show_default=True, help="Made if missing."
)
@click.option("--format", "ending", type=click.Choice(["svg", "png"]), default="svg", show_default=True)
def figures(folder: str, ending: str) -> None:
    """The chapters' figures, drawn from real runs into FOLDER."""
    from thalweg.figures import draw

    for path in draw(folder, ending):
        click.echo(path)
