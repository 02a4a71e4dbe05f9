import resource
import subprocess
import sys

import pytest

from encoder.common.memory import tune_malloc

FAULTS = """
import resource
from encoder.common.memory import tune_malloc

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        b"x" * 2**26
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

by_itself = faults()
assert tune_malloc()
for _ in range(5):
    faults()
print(by_itself, faults())
"""


def test_what_a_large_tensor_leaves_is_used_again() -> None:
    if not tune_malloc():
        pytest.skip("the C library has no mallopt")
    out = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True).stdout
    by_itself, kept = map(int, out.split())
    page = resource.getpagesize()
    assert by_itself >= 5 * 2**26 / max(page, 2**21)  # of huge pages, at least
    assert kept < by_itself / 4


def test_another_c_library_is_left_alone(monkeypatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _name: object())
    assert not tune_malloc()
