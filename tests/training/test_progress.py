"""The progress bar drawn cell by cell, and at the ends of its room and its interval."""

import io
import sys

import numpy as np
import pytest

from nnlite import Dense, ProgressBar, Sequential
from nnlite.training.progress import _seconds


class Terminal(io.StringIO):
    def isatty(self):
        return True


def lines(monkeypatch, columns, steps, seconds=1.0, interval=0.1):
    """Return the lines that one epoch of so many steps draws on a terminal without colours, one after the other."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(ProgressBar, "INTERVAL", interval)
    stream, now = Terminal(), [0.0]
    bar = ProgressBar(stream, lambda: now[0])
    bar.on_train_begin(None, 1, steps)
    bar.on_epoch_begin(None, 1)
    for step in range(1, steps + 1):
        now[0] += seconds
        bar.on_step_end(None, step, 0.5)
    bar.on_epoch_logged(None, 1, {"loss": 0.5})
    return [line.removesuffix("\n").removesuffix("\x1b[K") for line in stream.getvalue().split("\r")[1:]]


@pytest.mark.parametrize(
    ("steps", "full"), [(1, [24, 24]), (2, [12, 24, 24]), (4, [6, 12, 18, 24, 24]), (5, [4, 9, 14, 19, 24, 24])]
)
def test_the_bar_is_full_as_far_as_the_steps_are_done_and_no_further(monkeypatch, steps, full):
    drawn = lines(monkeypatch, 80, steps)
    assert [line.count("━") for line in drawn] == full
    assert [line.count("─") for line in drawn] == [24 - cells for cells in full]
    assert all(line.index("━") < line.index("─") for line in drawn if "─" in line)


def test_what_is_drawn_to_the_letter(monkeypatch):
    assert lines(monkeypatch, 80, 2) == [
        "epoch 1/1  ━━━━━━━━━━━━────────────  loss 0.50000  1.0 s left",
        "epoch 1/1  ━━━━━━━━━━━━━━━━━━━━━━━━  loss 0.50000  0.0 s left",
        "epoch 1/1  ━━━━━━━━━━━━━━━━━━━━━━━━  loss 0.50000  2.0 s",
    ]


@pytest.mark.parametrize(("spare", "cells"), [(-5, 0), (0, 0), (1, 1), (2, 2), (24, 24), (25, 24)])
def test_the_bar_takes_the_room_that_the_text_leaves(monkeypatch, spare, cells):
    text = "epoch 1/1  loss 0.50000  2.0 s"
    columns = len(text) + 2 + spare + 1  # two blanks more beside the bar, and the last column stays empty
    last = lines(monkeypatch, columns, 2)[-1]
    assert last.count("━") == cells
    assert last == (text[: columns - 1] if cells == 0 else text.replace("1/1", f"1/1  {cells * '━'}"))


@pytest.mark.parametrize(("seconds", "redrawn"), [(0.125, 8), (0.0625, 4), (0.1249, 4)])
def test_the_line_is_redrawn_when_the_interval_is_over_and_not_before(monkeypatch, seconds, redrawn):
    assert len(lines(monkeypatch, 80, 8, seconds=seconds, interval=0.125)) == redrawn + 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0 s"), (9.9499, "9.9 s"), (9.95, "10 s"), (59.5, "1 min 00 s"), (60, "1 min 00 s")]
)
def test_tenths_are_shown_below_ten_seconds_and_minutes_from_sixty(seconds, text):
    assert _seconds(seconds) == text


class Log:
    """A stream of a user's own that knows no more than print needs."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.mark.parametrize("stream", [None, Log()])
def test_a_training_without_a_terminal_shows_its_lines_where_it_can(stream, monkeypatch, rng):
    monkeypatch.setattr(sys, "stdout", stream)
    model = Sequential([Dense(2, 2, rng=rng)])
    model.compile()
    history = model.fit(np.ones((4, 2), np.float32), epochs=2, rng=rng)
    model.summary()
    assert len(history.history["loss"]) == 2
    assert stream is None or [line[:9] for line in stream.text.splitlines()][:2] == ["epoch 1/2", "epoch 2/2"]


@pytest.mark.parametrize("stream", [io.StringIO, Terminal], ids=["file", "terminal"])
def test_what_is_written_is_shown_at_once(stream):
    class Behind(stream):
        shown = ""

        def flush(self):
            self.shown = self.getvalue()

    behind = Behind()
    bar = ProgressBar(behind, lambda: 0.0)
    bar.on_train_begin(None, 1, 2)
    bar.on_epoch_begin(None, 1)
    for event in (lambda: bar.on_step_end(None, 1, 0.5), lambda: bar.on_epoch_logged(None, 1, {"loss": 0.5})):
        event()
        assert behind.shown == behind.getvalue()
    assert behind.shown.endswith("\n")
