import threading

import pytest
import torch

from encoder.common.threads import parallel_map


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_items(two_threads) -> None:
    assert list(parallel_map(lambda n: n * n, range(100))) == [n * n for n in range(100)]


def test_two_items_are_worked_on_at_once_by_one_thread_each(two_threads) -> None:
    meeting = threading.Barrier(2, timeout=60)

    def meet(_: int) -> int:
        meeting.wait()
        return torch.get_num_threads()

    assert list(parallel_map(meet, range(4))) == [1, 1, 1, 1]
    assert torch.get_num_threads() == 2


def test_fewer_items_than_threads_have_all_threads(two_threads) -> None:
    assert list(parallel_map(lambda _: torch.get_num_threads(), [0])) == [2]


def test_an_error_ends_it_and_the_threads_are_given_back(two_threads) -> None:
    with pytest.raises(ZeroDivisionError):
        list(parallel_map(lambda n: 1 / n, [1, 0]))
    assert torch.get_num_threads() == 2


def test_new_threads_have_all_threads_again(two_threads) -> None:
    list(parallel_map(abs, [1, 2, 3]))
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert found == [2]
