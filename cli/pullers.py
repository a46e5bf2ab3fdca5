"""Processes that pull sources beside each other: the gate's checks are Python and keep one core busy each."""

import ctypes
import multiprocessing
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from types import TracebackType
from typing import Any, Self

from core.settings import Settings, load_settings

PR_SET_PDEATHSIG = 1  # Linux: what to be sent when the parent dies
WORTH_IT_FROM_STEPS = 20  # a process takes some seconds to come up


class Pullers:
    """Pull several sources at once; a killed owner takes its processes along, so that a rerun has the lake to itself."""

    def __init__(self, *, steps: int) -> None:
        """Bring up processes when there are `steps` enough to make up for it; else pull in this one."""
        at_once = min(os.cpu_count() or 1, 4) if steps >= WORTH_IT_FROM_STEPS else 1
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(at_once, context, _die_with, (os.getpid(),)) if at_once > 1 else None

    def pull(self, settings: Settings, sources: list[str], first: date, last: date) -> list[Any]:
        """Pull `sources` for `first` to `last`; return their reports. The first error of any is raised, after all ended."""
        if self._pool is None:
            return [_pull(settings, name, first, last) for name in sources]
        folder = str(settings.folder)
        pending = [self._pool.submit(_pull_in_process, folder, name, first, last) for name in sources]
        ended = [(each.exception(), each) for each in pending]
        for error, _ in ended:
            if error is not None:
                raise error
        return [each.result() for _, each in ended]

    def __enter__(self) -> Self:
        """Be of use inside `with`."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Let the processes end."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def _pull(settings: Settings, source: str, first: date, last: date) -> Any:
    from feature_store.pull import pull_days

    return pull_days(source, first=first, last=last, settings=settings)


def _pull_in_process(folder: str, source: str, first: date, last: date) -> Any:
    return _pull(load_settings(folder), source, first, last)


def _die_with(parent: int) -> None:
    """End with the parent, however it ends; Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
