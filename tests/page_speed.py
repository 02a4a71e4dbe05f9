"""How long a page takes in a headless Chromium: ``python -m tests.page_speed SITE``.

Beside the time that passes it prints the processor's time of all of the browser's processes, which other work on the
machine does not change.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

import pytest

from encoder.common import arguments
from encoder.common.command import command
from encoder.common.errors import InputError

sys.path.insert(0, str(Path(__file__).parent))
from browser import Browser, chromium

TEXTS = (
    "pink hair green eyes",
    "a girl with golden locks and eyes like emeralds",
    "Her locks are rosy, her irises emerald.",
)
FACES = 20
PAINTED = """
const of = (kind) => performance.getEntriesByType(kind), isFirst = ({ name }) => name.includes("/first/");
return Math.max(...of("paint").map((x) => x.startTime), ...of("resource").filter(isFirst).map((x) => x.responseEnd));
"""


def processor_seconds(root: int) -> float:
    """The processor's time of a process and all below it, those that have ended aside."""
    times, parents = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                fields = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            parents[int(entry)] = int(fields[1])
            times[int(entry)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    below = {root}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(times.get(pid, 0.0) for pid in below)


def measure(browser: Browser, site: Path) -> list[str]:
    """A line for each thing that a visitor waits for."""
    driver = browser.driver.service.process.pid

    def timed(calls: int, work: str, *given: object) -> str:
        before, used = time.perf_counter(), processor_seconds(driver)
        each = browser.run(work, *given)
        passed, used = time.perf_counter() - before, processor_seconds(driver) - used
        median, processor = statistics.median(each), 1000 * used / calls
        return f"{median:.0f} ms (median of {calls}), {processor:.0f} ms of the processor; {passed:.1f} s in all"

    def first() -> str:
        browser.driver.get("about:blank")
        browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
        origin = {"origin": browser.root.rstrip("/"), "storageTypes": "all"}  # what the page keeps for later
        browser.driver.execute_cdp_cmd("Storage.clearDataForOrigin", origin)
        used = processor_seconds(driver)
        browser.driver.get(browser.root)
        used = processor_seconds(driver) - used
        seconds = browser.driver.execute_script(PAINTED) / 1000
        return f"first pictures of the first example: {seconds:.1f} s, {used:.1f} s of the processor"

    def opened(what: str, address: str) -> str:
        before, used = time.perf_counter(), processor_seconds(driver)
        browser.go(address)
        passed = time.perf_counter() - before
        return f"first picture of {what}: {passed:.1f} s, {processor_seconds(driver) - used:.1f} s of the processor"

    with browser.at(site, "#num=1"):
        lines = [first(), opened("any text", f"#num=1&{urlencode({'text': TEXTS[2]})}")]
        clock = (
            "const each = [], [texts, count] = given; const { c } = await engine.call('read', texts[0]);"
            "for (let i = 0; i < count; i++) { const start = performance.now();"
            "  await CALL; each.push(performance.now() - start); } return each"
        )
        read = clock.replace("CALL", "engine.call('read', texts[i % texts.length])")
        draw = clock.replace("CALL", "engine.call('draw', c, BigInt(i), {})")
        lines.append(f"a text: {timed(FACES, read, TEXTS, FACES)}")
        lines.append(f"a picture: {timed(FACES, draw, TEXTS, FACES)}")
        threads = browser.driver.execute_script("return [crossOriginIsolated, navigator.hardwareConcurrency]")
        lines.append(f"several threads allowed: {threads[0]}; processors seen: {threads[1]}")
    return lines


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = arguments.Parser(prog="python -m tests.page_speed", description="Time a page in a headless Chromium.")
    result.add_argument("site", type=arguments.existing_folder, metavar="SITE", help="what python -m gan.page wrote")
    return result


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit status (``encoder.common.command``)."""
    args = parser().parse_args(argv)
    try:
        with chromium() as browser:
            print("\n".join(measure(browser, args.site)))
    except pytest.skip.Exception as absent:
        raise InputError(f"{absent}; install it") from absent
    return 0


if __name__ == "__main__":
    sys.exit(main())
