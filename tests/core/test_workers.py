from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from auricle.core.workers import map_ordered


def test_results_come_in_order_and_few_are_under_way() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work(item: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002 * (item % 3))
        with lock:
            running -= 1
        return item

    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(30):
            taken.append(item)
            yield item

    with ThreadPoolExecutor(3) as pool:
        results = map_ordered(work, items(), pool=pool, ahead=4)
        assert next(results) == 0
        assert len(taken) <= 6
        assert list(results) == list(range(1, 30))
    assert most <= 3


def test_an_error_comes_where_it_belongs() -> None:
    def work(item: int) -> float:
        return 1 / (item - 2)

    with ThreadPoolExecutor(2) as pool:
        results = map_ordered(work, range(10), pool=pool, ahead=4)
        assert [next(results), next(results)] == [-0.5, -1.0]
        with pytest.raises(ZeroDivisionError):
            next(results)
