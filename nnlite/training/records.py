"""Callbacks that record a training: a table, the learning rates, a picture that grows."""

import csv
import io
import os
from typing import Any

from nnlite.files.whole_files import write_atomically
from nnlite.training.callbacks import Callback, History, Logs


class CSVLogger(Callback):
    """Writes the numbers of each epoch as a row of a table. The file is whole after each epoch, even if the training is killed.

    Each number stands under its name. A number that appears later gets a new last column; earlier rows are empty there.

    Parameters
    ----------
    path : str or path
        Where to write; replaces an older file.
    """

    memories = ("_epochs",)

    def __init__(self, path: str | os.PathLike[str]):
        self.path = os.fspath(path)
        self._epochs: list[Logs] = []

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Forget an earlier training."""
        self._epochs = []

    def on_epoch_logged(self, model: Any, epoch: int, logs: Logs) -> None:
        """Add the epoch's row; the first row holds the names."""
        self._epochs.append({"epoch": epoch, **{name: float(number) for name, number in logs.items() if name != "epoch"}})
        table = io.StringIO()
        names = dict.fromkeys(name for numbers in self._epochs for name in numbers)
        writer = csv.DictWriter(table, list(names), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._epochs)
        write_atomically(self.path, table.getvalue().encode())


class LearningRateLogger(Callback):
    """Notes the learning rate at the start of each epoch.

    Attributes
    ----------
    rates : list of float
        One for each epoch.
    """

    memories = ("rates",)

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Forget an earlier training."""
        self.rates = []

    def on_epoch_begin(self, model: Any, epoch: int) -> None:
        """Append the current rate."""
        self.rates.append(float(model.optimizer.learning_rate))


class LivePlot(History):
    """Draws the numbers of all epochs as curves after each epoch. The PNG is whole at any moment.

    A scale is logarithmic if all its numbers are positive and the largest is more than four times the smallest.

    Parameters
    ----------
    path : str or path
        Where to write; replaces an older file.
    learning_rate : bool, default False
        Whether to draw each epoch's first learning rate below.
    """

    def __init__(self, path: str | os.PathLike[str], learning_rate: bool = False):
        super().__init__()
        self.path, self.learning_rate = os.fspath(path), learning_rate

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Forget an earlier training."""
        super().on_train_begin(model, epochs, steps)
        self._epochs = epochs

    def on_epoch_begin(self, model: Any, epoch: int) -> None:
        """Note the current rate."""
        self._rate = float(model.optimizer.learning_rate)

    def on_epoch_logged(self, model: Any, epoch: int, logs: Logs) -> None:
        """Add the epoch's numbers and draw."""
        super().on_epoch_logged(model, epoch, logs | ({"learning rate": self._rate} if self.learning_rate else {}))
        latest = ", ".join(f"{name} {number:.4g}" for name, number in logs.items())
        write_atomically(self.path, self._draw(f"epoch {epoch} of {self._epochs}: {latest}"))

    def _draw(self, title: str) -> bytes:
        """Return the picture."""
        from matplotlib.figure import Figure  # its import takes longer than all of nnlite

        rate = {"learning rate": ["learning rate"]} if self.learning_rate else {}
        panels = {"loss": [name for name in self.history if name != "learning rate"], **rate}
        figure = Figure(figsize=(6.4, 5.2 if self.learning_rate else 4.0), layout="constrained")
        all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=[3, 1][: len(panels)])[:, 0]
        for axes, (label, names) in zip(all_axes, panels.items(), strict=True):
            for name in names:
                numbers = self.history[name]
                axes.plot(range(1, len(numbers) + 1), numbers, ".-", linewidth=1.2, label=name)
            _scale(axes, [number for name in names for number in self.history[name]])
            axes.grid(alpha=0.3, which="both")
            axes.set_ylabel(label)
        all_axes[0].legend()
        all_axes[0].set_title(title)
        all_axes[-1].set(xlabel="epoch", xlim=(0.5, max(self._epochs, 2) + 0.5))
        all_axes[-1].xaxis.get_major_locator().set_params(integer=True)
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=120)
        return file.getvalue()


def _scale(axes: Any, numbers: list[float]) -> None:
    """Make the y axis logarithmic if the numbers are positive and differ much; choose ticks for their range."""
    from matplotlib.ticker import LogLocator, NullLocator

    if all(number > 0 for number in numbers) and max(numbers) > 4 * min(numbers):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(numbers) < 100 * min(numbers) else (1,)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
