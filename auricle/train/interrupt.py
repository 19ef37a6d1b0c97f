"""Ctrl-C during a training: the step in progress is finished first, so that it can be saved."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def delayed_interrupt(process_count: int) -> Iterator[Callable[[], bool]]:
    """Yield a function that is true once Ctrl-C was pressed; a second Ctrl-C raises KeyboardInterrupt at once.

    With several processes, or outside the main thread, Ctrl-C is not delayed: ranks would stop after different steps.
    """
    if process_count > 1 or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    pressed = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
