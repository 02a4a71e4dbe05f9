"""Write slow.txt: which tests take longest, as a run with ``--durations=0 -vv`` measured them.

bash tests/run.sh --durations=0 -vv > durations.txt
python tests/slow.py durations.txt
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

SECONDS = 2.0
"""A test that takes longer, all its cases and its set-up together, is slow."""


def main() -> None:
    total: dict[str, float] = defaultdict(float)
    for line in Path(sys.argv[1]).read_text("utf-8").splitlines():
        if found := re.match(r"(\d+\.\d+)s (?:call|setup|teardown) +(tests/\S+)", line):
            total[found[2].partition("[")[0]] += float(found[1])
    if not total:
        sys.exit(f"error: {sys.argv[1]} names no durations; run the tests with --durations=0 -vv")
    slow = sorted(test for test, seconds in total.items() if seconds > SECONDS)
    Path(__file__).with_name("slow.txt").write_text("\n".join(slow) + "\n", "utf-8")
    left = sum(seconds for test, seconds in total.items() if test not in slow)
    print(f"{len(slow)} slow tests; the others take {left:.0f} s")


if __name__ == "__main__":
    main()
