"""The table of findings, and the worst cases under it."""

from collections import Counter
from collections.abc import Iterable

from fuzz.checks import FAILURES, KINDS, Verdict

_SHOWN = 5  # cases listed for each kind of finding


def show(verdicts: list[Verdict]) -> None:
    """Print cases and findings by family, the smallest cases of each kind, and the slowest of all."""
    families = list(dict.fromkeys(verdict.family for verdict in verdicts))
    print(f"{'family':12}{'cases':>7}" + "".join(f"{kind:>11}" for kind in KINDS))
    for name in families:
        print(_line(name, [verdict for verdict in verdicts if verdict.family == name]))
    if len(families) > 1:
        print(_line("all", verdicts))
    for kind in KINDS:
        _show_kind(kind, verdicts)
    slowest = sorted(verdicts, key=lambda verdict: -verdict.seconds)[:_SHOWN]
    print("\nslowest: " + ", ".join(f"{v.family} {v.seed} {v.seconds:.2f} s" for v in slowest))


def failures(verdicts: Iterable[Verdict]) -> int:
    """How many cases failed."""
    return sum(any(finding.kind in FAILURES for finding in verdict.findings) for verdict in verdicts)


def _line(name: str, verdicts: list[Verdict]) -> str:
    counts = Counter(kind for verdict in verdicts for kind in {finding.kind for finding in verdict.findings})
    return f"{name:12}{len(verdicts):7}" + "".join(f"{counts[kind]:11}" for kind in KINDS)


def _show_kind(kind: str, verdicts: list[Verdict]) -> None:
    """The smallest cases of one kind, those of a family together."""
    found = [verdict for verdict in verdicts if any(finding.kind == kind for finding in verdict.findings)]
    if not found:
        return
    print(f"\n{kind}: {len(found)} cases, the smallest:")
    for verdict in sorted(found, key=lambda verdict: verdict.cells)[:_SHOWN]:
        first = next(finding for finding in verdict.findings if finding.kind == kind)
        print(f"  --family {verdict.family} --seed {verdict.seed}   {first.words[:260]}")
