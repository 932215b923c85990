"""What happens around training: the history and the progress bar, and a base for others. Each is told of the same few events.

A callback knows the model only through the methods it calls; the training loop is in `nnlite.training`.
"""

import copy
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

Logs = dict[str, float]


class Callback:
    """Base: every event does nothing. Epochs and steps count from 1."""

    memories: tuple[str, ...] = ()  # the attributes that a training which goes on from a checkpoint must find as they were

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Training starts: so many epochs of so many steps."""

    def on_epoch_begin(self, model: Any, epoch: int) -> None:
        """An epoch starts."""

    def on_step_end(self, model: Any, step: int, loss: float) -> None:
        """A step of the epoch is done; `loss` is the mean over the samples of the epoch so far."""

    def on_epoch_end(self, model: Any, epoch: int, logs: Logs) -> None:
        """An epoch is done; `logs` holds "loss" and, with validation data, "val_loss". Set `model.stop_training` to end here."""

    def on_train_end(self, model: Any) -> None:
        """Training is over, also when an exception ended it: what was changed for its time goes back to what it was."""

    def state(self) -> dict[str, Any]:
        """Return a copy of what later epochs need of the earlier ones: numbers, strings, None, arrays, lists and dicts of these."""
        return {name: copy.deepcopy(getattr(self, name)) for name in self.memories}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on where `state()` was taken; called after `on_train_begin`."""
        vars(self).update(state)


class History(Callback):
    """The numbers of every epoch.

    Attributes
    ----------
    history : dict of lists
        "loss" and, with validation data, "val_loss": one number for each epoch.
    """

    memories = ("history",)

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Forget what an earlier training left."""
        self.history = {}

    def on_epoch_end(self, model: Any, epoch: int, logs: Logs) -> None:
        """Append the epoch's numbers."""
        for name, number in logs.items():
            self.history.setdefault(name, []).append(number)


class ProgressBar(Callback):
    """A line that grows with each epoch, and says how long the rest of it takes.

    On a terminal the line is redrawn at most ten times a second, with a bar as long as fits; elsewhere (a file, a pipe) each epoch
    writes one line when it is done. Colour is used only on a terminal, and not when NO_COLOR is set in the environment or TERM
    is "dumb".

    Parameters
    ----------
    stream : text stream, default standard output
    clock : callable returning seconds, default time.perf_counter
    """

    WIDTH = 24
    INTERVAL = 0.1  # seconds

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.perf_counter):
        self.stream = sys.stdout if stream is None else stream
        self.clock = clock
        dumb = os.environ.get("TERM") == "dumb"
        self.redraws = self.stream.isatty() and not dumb
        self.cells = "━─" if (self.stream.encoding or "utf-8").lower().startswith("utf") else "#-"
        self.colour = self.redraws and not os.environ.get("NO_COLOR")

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Remember how much there is to do."""
        self.epochs, self.steps = epochs, steps

    def on_epoch_begin(self, model: Any, epoch: int) -> None:
        """Start the epoch's clock."""
        self.title = f"epoch {epoch:{len(str(self.epochs))}d}/{self.epochs}"
        self.start = self.drawn = self.clock()

    def on_step_end(self, model: Any, step: int, loss: float) -> None:
        """Redraw the line, if the last time is long enough ago."""
        if not self.redraws:
            return
        now = self.clock()
        if now - self.drawn >= self.INTERVAL:
            self.drawn = now
            remaining = (now - self.start) / step * (self.steps - step)
            self._draw(step / self.steps, f"loss {loss:.5f}  {_seconds(remaining)} left")

    def on_epoch_end(self, model: Any, epoch: int, logs: Logs) -> None:
        """Write the epoch's result and end the line."""
        numbers = "  ".join(f"{name} {number:.5f}" for name, number in logs.items())
        text = f"{numbers}  {_seconds(self.clock() - self.start)}"
        if self.redraws:
            self._draw(1.0, text)
            self.stream.write("\n")
        else:
            self.stream.write(f"{self.title}  {text}\n")
        self.stream.flush()

    def _draw(self, done: float, text: str) -> None:
        columns = shutil.get_terminal_size().columns - 1  # a line that wraps could not be redrawn
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
    """Return a duration as a person would write it: 0.3 s, 12 s, 3 min 05 s."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
