"""What a command costs as a whole process; as a script, the small process that starts it.

The command is started by a small process and not by the benchmark's own: Linux counts the memory of whoever starts a
process into that process's peak.
"""

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """Seconds from start to end, peak memory in bytes (pages of files that it maps counted), and its printed words."""

    seconds: float
    memory: int
    code: int
    out: str
    err: str


def cost(command: list[str]) -> Cost:
    """Run a command and measure it."""
    starter = subprocess.run([sys.executable, "-S", __file__, *command], check=True, capture_output=True, text=True)
    return Cost(**json.loads(starter.stdout))


def main() -> None:
    start = time.perf_counter()
    done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    measured = {"seconds": seconds, "memory": memory, "code": done.returncode, "out": done.stdout, "err": done.stderr}
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
