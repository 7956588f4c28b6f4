"""Benchmarks: ratios against named peers in the same run, at equal true suboptimality. `python -m bench` runs all."""
