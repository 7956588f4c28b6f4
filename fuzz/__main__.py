"""Fit thousands of small problems and judge every model in many digits; exit code 1 if any case fails.

python -m fuzz                            all 7,000 cases
python -m fuzz --family far               those of one family
python -m fuzz --family far --seed 12     one case, with its figures
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small problems gain nothing by threads; before NumPy is loaded

from fuzz import table
from fuzz.checks import Verdict, judge
from fuzz.families import FAMILIES, case_of


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--family", choices=FAMILIES, action="append", help="one family; may be given several times")
    parser.add_argument("--seed", type=int, help="one case of one family")
    parser.add_argument("--share", type=float, default=1.0, help="of the cases of each family (default 1: all)")
    parser.add_argument("--first", type=int, default=0, help="seed of the first case of each family (default 0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: one a processor)")
    parser.add_argument("--json", type=Path, help="write every verdict to this file, a line each")
    options = parser.parse_args()
    if options.seed is not None:
        if not options.family or len(options.family) > 1:
            parser.error("--seed needs one --family")
        sys.exit(rerun(options.family[0], options.seed))
    work = [
        (family, seed)
        for family in options.family or FAMILIES
        for seed in range(options.first, options.first + max(1, round(FAMILIES[family][1] * options.share)))
    ]
    verdicts = list(run(work, options.jobs))
    table.show(verdicts)
    if options.json:
        options.json.write_text("".join(json.dumps(asdict(verdict)) + "\n" for verdict in verdicts))
    sys.exit(1 if table.failures(verdicts) else 0)


def run(work: list[tuple[str, int]], jobs: int) -> Iterator[Verdict]:
    """The verdicts of those cases, in their order; how far it is on standard error."""
    start = time.perf_counter()
    with ProcessPoolExecutor(jobs) as pool:
        for done, verdict in enumerate(pool.map(_judge, work, chunksize=5), 1):
            if done % 100 == 0 or done == len(work):
                print(f"{done:,} of {len(work):,} cases, {time.perf_counter() - start:.0f} s", file=sys.stderr)
            yield verdict


def _judge(place: tuple[str, int]) -> Verdict:
    return judge(case_of(*place))


def rerun(family: str, seed: int) -> int:
    """Print all there is to know about one case; 1 if it fails, else 0."""
    case = case_of(family, seed)
    print(f"{family} {seed}: n {len(case.X)}, p {case.X.shape[1]}, {case.X.dtype}, as {case.door}, {case.options}")
    verdict = judge(case)
    for line in (*verdict.figures, *(f"{finding.kind}: {finding.words}" for finding in verdict.findings)):
        print("  " + line)
    print(f"  {verdict.seconds:.2f} s")
    return 1 if table.failures([verdict]) else 0


if __name__ == "__main__":
    main()
