"""Run the benchmarks named on the command line, or all of them, and print one table each."""

import argparse

from bench import dense, levels, small, sparse, startup, stream, wide

SUITES = {
    "dense": dense.run,
    "small": small.run,
    "startup": startup.run,
    "sparse": sparse.run,
    "l1": sparse.run_l1,
    "wide": wide.run,
    "levels": levels.run,
    "stream": stream.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("suites", nargs="*", choices=[[], *SUITES], help="which to run; all by default")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the dense table (default 1,000,000)")
    parser.add_argument("--repeats", type=int, default=5, help="paired runs of the fast contestants (default 5)")
    parser.add_argument("--clicks", type=int, default=1_000_000, help="rows of the click log (default 1,000,000)")
    parser.add_argument("--size", type=int, default=400, help="MB of the file fitted exactly (default 400)")
    parser.add_argument("--large", action="store_true", help="stream from files of gigabytes too; 5 GB of disk")
    options = parser.parse_args()
    for name in options.suites or SUITES:
        SUITES[name](options)


if __name__ == "__main__":
    main()
