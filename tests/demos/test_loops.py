"""Slow, then fast: all ways give the same result, which is checked before it is timed."""

import pytest
from tiny_data import metrics_of, run_demo

from demos import loops


@pytest.fixture
def untimed(monkeypatch):
    """Timing calls each way once, and takes it to last a millisecond."""
    called = []
    monkeypatch.setattr(loops, "seconds", lambda call: called.append(call()) or 1e-3)
    return called


def test_all_ways_are_checked_timed_drawn_and_written(untimed, tmp_path, capsys):
    assert run_demo(loops, "--quick", "--out", tmp_path) == 0
    metrics, out = metrics_of(tmp_path), capsys.readouterr().out
    assert list(metrics["adam_ns"]) == list(loops.ADAM) and list(metrics["product_gflops"]) == list(loops.PRODUCTS)
    assert len(untimed) == len(loops.ADAM) + len(loops.PRODUCTS)
    assert all(name in out for name in [*loops.ADAM, *loops.PRODUCTS])
    assert (tmp_path / "loops.png").read_bytes().startswith(b"\x89PNG")


def test_the_numbers_are_nanoseconds_a_weight_and_operations_a_second(untimed):
    assert loops.time_adam(1000)["nnlite's kernel"] == pytest.approx(1000)  # 1 ms for 1000 weights
    assert loops.time_products((4, 8, 8))["NumPy's @, a BLAS"] == pytest.approx(2 * 4 * 8 * 8 / 1e-3 / 1e9)


@pytest.mark.parametrize("ways", ["ADAM", "PRODUCTS"])
def test_a_way_whose_result_differs_is_not_timed(ways, untimed, monkeypatch):
    def wrong(*arrays):
        arrays[-1][...] = 7

    monkeypatch.setitem(getattr(loops, ways), "wrong", wrong)
    with pytest.raises(AssertionError, match="wrong"):
        loops.time_adam(1000) if ways == "ADAM" else loops.time_products((4, 8, 8))
    assert len(untimed) == len(getattr(loops, ways)) - 1


def test_a_measurement_is_the_seconds_of_one_call(monkeypatch):
    class Timer:
        def __init__(self, call):
            pass

        def autorange(self):
            return 40, 0.2

        def repeat(self, times, calls):
            return [0.5, 0.4, 0.6][:times]

    monkeypatch.setattr(loops.timeit, "Timer", Timer)
    assert loops.seconds(None) == pytest.approx(0.1)


def test_the_table_says_how_many_times_faster():
    assert loops.table("t", {"slow": 10.0, "fast": 2.0}, "ns").splitlines()[2].split() == ["fast", "2", "5.0"]
    assert loops.table("t", {"slow": 1.0, "fast": 4.0}, "GFLOP/s").splitlines()[2].split() == ["fast", "4", "4.0"]
