"""Call a function for many things, in processes, of which some may crash."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, TypeVar

__all__ = ["in_processes"]

_MAX_PROCESSES = 8
T = TypeVar("T")


def in_processes(
    function: Callable[..., Any],
    items: Sequence[T],
    arguments: Callable[[T], tuple[Any, ...]],
    crashed: Any,
) -> Iterator[tuple[T, Any]]:
    """Yield each item with what a function returns for it, as they become ready.

    Parameters
    ----------
    function : callable
        Of a module, so that other processes find it.
    items : sequence
        For each of them it is called once.
    arguments : callable
        Returns what the function is called with for an item.
    crashed : object
        Stands for the result where the process has crashed.
    """
    left = dict(enumerate(items))
    at_once = min(_cores(), _MAX_PROCESSES, len(left))
    if not at_once:
        return
    try:
        for number, result in _pooled(function, left, arguments, at_once):
            yield left.pop(number), result
    except BrokenProcessPool:
        # One by one shows which it is.
        for number, item in left.items():
            try:
                for _, result in _pooled(function, {number: item}, arguments, 1):
                    yield item, result
            except BrokenProcessPool:
                yield item, crashed


def _pooled(
    function: Callable[..., Any],
    items: dict[int, T],
    arguments: Callable[[T], tuple[Any, ...]],
    at_once: int,
) -> Iterator[tuple[int, Any]]:
    with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
        waiting = {
            pool.submit(function, *arguments(item)): number
            for number, item in items.items()
        }
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
