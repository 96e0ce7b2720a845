"""progress=True: a bar of tqdm where that is installed, else a line on standard error."""

from __future__ import annotations

import sys
from typing import Any


class Silent:
    def show(self, done: int, total: int, note: str = "") -> None:
        """Says how far the work is."""

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *_: Any) -> None:
        pass


class Bar(Silent):
    def __init__(self, unit: str):
        try:
            from tqdm.auto import tqdm
        except ImportError:
            tqdm = None
        self._tqdm: Any = tqdm
        self._bar: Any = None
        self._unit = unit

    def show(self, done: int, total: int, note: str = "") -> None:
        if self._tqdm is None:
            sys.stderr.write("\r%d of %d %s %s" % (done, total, self._unit, note))
            sys.stderr.flush()
            return
        if self._bar is None:
            self._bar = self._tqdm(total=total, unit=self._unit)
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(done - self._bar.n)

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._tqdm is None:
            sys.stderr.write("\n")


def make_progress(wanted: bool, unit: str) -> Silent:
    return Bar(unit) if wanted else Silent()
