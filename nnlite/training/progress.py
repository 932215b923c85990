"""A progress bar on a terminal; a line for each epoch anywhere else."""

import io
import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from nnlite.training.callbacks import Callback, Logs


class ProgressBar(Callback):
    """Shows how far the epoch is and how long the rest takes.

    On a terminal it redraws the line at most ten times a second, with a bar as long as there is room. In a file or pipe it writes
    one line after each epoch. It uses colour only on a terminal, and not if NO_COLOR is set or TERM is "dumb".

    Parameters
    ----------
    stream : text stream, default standard output
    clock : callable returning seconds, default time.perf_counter
    """

    WIDTH = 24
    INTERVAL = 0.1  # seconds

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.perf_counter):
        self.stream, self.clock = stream or sys.stdout or io.StringIO(), clock  # pythonw has no standard output
        self.redraws = getattr(self.stream, "isatty", bool)() and os.environ.get("TERM") != "dumb"
        self.cells = "━─" if (getattr(self.stream, "encoding", None) or "utf-8").lower().startswith("utf") else "#-"
        self.colour = self.redraws and not os.environ.get("NO_COLOR")

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Remember the number of epochs and steps."""
        self.epochs, self.steps = epochs, steps

    def on_epoch_begin(self, model: Any, epoch: int) -> None:
        """Start the epoch's clock."""
        self.title = f"epoch {epoch:{len(str(self.epochs))}d}/{self.epochs}"
        self.start = self.drawn = self.clock()

    def on_step_end(self, model: Any, step: int, loss: float) -> None:
        """Redraw the line, but not too often."""
        if self.redraws and (now := self.clock()) - self.drawn >= self.INTERVAL:
            self.drawn = now
            remaining = (now - self.start) / step * (self.steps - step)
            self._draw(step / self.steps, f"loss {loss:.5f}  {_seconds(remaining)} left")

    def on_epoch_logged(self, model: Any, epoch: int, logs: Logs) -> None:
        """Write the epoch's result and end the line."""
        numbers = "  ".join(f"{name} {number:.5f}" for name, number in logs.items())
        text = f"{numbers}  {_seconds(self.clock() - self.start)}"
        if self.redraws:
            self._draw(1.0, text)
        self.stream.write("\n" if self.redraws else f"{self.title}  {text}\n")
        self.stream.flush()

    def _draw(self, done: float, text: str) -> None:
        columns = shutil.get_terminal_size().columns - 1  # a wrapped line could not be redrawn
        width = min(self.WIDTH, columns - len(f"{self.title}    {text}"))
        if width < 1:
            self.stream.write(f"\r{f'{self.title}  {text}'[:columns]}\x1b[K")
        else:
            full = int(done * width)
            bar, rest = self.cells[0] * full, self.cells[1] * (width - full)
            if self.colour:
                bar = f"\x1b[32m{bar}\x1b[0m"
            self.stream.write(f"\r{self.title}  {bar}{rest}  {text}\x1b[K")
        self.stream.flush()


def _seconds(seconds: float) -> str:
    """Return a duration in words: 0.3 s, 12 s, 3 min 05 s."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
