"""Tasks on any executor, in the order in which they are done; progress with the remaining time."""

import os
import signal
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager

__all__ = ["Interrupted", "Progress", "completed", "ignore_interrupts", "processes", "reporter"]

# Tasks handed to an executor and not yet back: enough to keep many workers busy.
WINDOW = 256
# Seconds between two looks of a worker for the process that started it.
WATCH = 1.0
# Seconds between two messages on a terminal and in a file.
TERMINAL, FILE = 0.2, 30.0


class Interrupted(KeyboardInterrupt):
    """A scan was stopped by Ctrl-C; `dataset` holds what was done, the rest marked."""

    def __init__(self, message, dataset=None):
        super().__init__(message)
        self.dataset = dataset


def ignore_interrupts():
    """Initializer of worker processes: Ctrl-C is the business of the process that sent the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _serve(parent):
    """Initializer of our own worker processes: without the process that started them they end too."""
    ignore_interrupts()

    def watch():
        while os.getppid() == parent:
            time.sleep(WATCH)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def processes(count):
    """An executor of so many processes, which Ctrl-C does not reach and which do not outlive this one; None for less than two."""
    if (count or 1) < 2:
        yield None
        return
    executor = ProcessPoolExecutor(count, initializer=_serve, initargs=(os.getpid(),))
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def completed(executor, function, tasks):
    """Yield (task, function(*task)) as they are done; None runs them here, one after the other.

    An interrupt cancels what has not begun, yields what is done, and is raised again.
    """
    if executor is None:
        for task in tasks:
            yield task, function(*task)
        return
    tasks, running = iter(tasks), {}
    try:
        while _refill(executor, function, tasks, running):
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    except KeyboardInterrupt:
        done = [future for future in running if future.done() and not future.cancelled() and not future.exception()]
        for future in done:
            yield running.pop(future), future.result()
        raise
    finally:
        for future in running:
            future.cancel()


def _refill(executor, function, tasks, running):
    """Hand tasks to the executor up to the window; whether any is under way."""
    while len(running) < WINDOW and (task := next(tasks, None)) is not None:
        running[executor.submit(function, *task)] = task
    return running


class Progress:
    """Messages on standard error: a line that is kept up to date on a terminal, a line now and then elsewhere."""

    def __init__(self, label, stream=None):
        self.label, self.stream = label, stream or sys.stderr
        self.terminal = self.stream.isatty()
        self.begun = self.shown = time.monotonic()
        self.first = None

    def __call__(self, done, total):
        now = time.monotonic()
        if self.first is None:
            self.first, self.begun = done, now
        if now - self.shown < (TERMINAL if self.terminal else FILE) and done < total:
            return
        self.shown = now
        text = f"{self.label}: {done}/{total}{self._remaining(done, total, now)}"
        self.stream.write(f"\r{text}\033[K" if self.terminal else text + "\n")
        if self.terminal and done == total:
            self.stream.write("\n")
        self.stream.flush()

    def _remaining(self, done, total, now):
        fresh = done - self.first
        if not fresh or done == total:
            return f", {duration(now - self.begun)}" if done == total else ""
        return f", {duration((now - self.begun) * (total - done) / fresh)} left"


def duration(seconds):
    """A time for people: 8 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def reporter(progress, label):
    """The function progress(done, total) of True (standard error), False or None (silence), or a function."""
    if callable(progress):
        return progress
    return Progress(label) if progress else lambda done, total: None
