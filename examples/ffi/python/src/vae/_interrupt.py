"""Ctrl-C and exceptions during a call that has a callback.

Python runs a signal's handler between two of its own instructions: in a callback that C has called, that may be
before the callback's first line, where an exception would be lost. So for the time of the call the handler sets a flag
only; the callback sees it and stops; once C is back the signal is handed to the handler that was there before.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Optional


class Guard:
    def __init__(self) -> None:
        self.listens = False  # a signal's handler waits for callbacks to see the flag
        self.interrupted = False
        self.raised: Optional[BaseException] = None

    def run(self, callback: Callable[[], Any]) -> int:
        """What a callback returns to C: 0 to go on. An exception is kept until C is back."""
        if self.interrupted or self.raised is not None:
            return 1
        try:
            return int(bool(callback()) or self.interrupted)
        except BaseException as problem:
            self.raised = problem
            return 1


@contextmanager
def guard() -> Iterator[Guard]:
    made = Guard()
    before: Any = None
    if threading.current_thread() is threading.main_thread():
        before = signal.getsignal(signal.SIGINT)

    def note(_number: int, _frame: Any) -> None:
        made.interrupted = True

    if callable(before):
        signal.signal(signal.SIGINT, note)
        made.listens = True
    try:
        yield made
    finally:
        if callable(before):
            signal.signal(signal.SIGINT, before)
    if made.raised is not None:
        raise made.raised
    if made.interrupted:
        before(signal.SIGINT, None)  # raises KeyboardInterrupt, unless the program has a handler of its own
