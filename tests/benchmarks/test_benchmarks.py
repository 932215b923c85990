"""The benchmarks' own code: what they report of given figures, their command lines, and that all adapters do the same job."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import command, data, frameworks, kernels, process, results, scaling, step
from benchmarks.adapters import BLAS, ENTRIES, NAMES, NNLITE, Entry, choose
from benchmarks.adapters.nnlite import NnliteAdapter
from benchmarks.adapters.numpy import NumpyAdapter
from benchmarks.job import JOBS, Job
from benchmarks.measure import Samples

TINY = Job(hidden=(16,), images=224, epochs=1)  # two batches, the last of 96
compiled = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="takes minutes without the compiler")
KERAS = next(entry for entry in ENTRIES if entry.name == "keras")


def samples_of(entry, epoch_seconds, test_mse=0.003, megabytes=100.0):
    samples = Samples(entry, TINY, {})
    for number in (1, 2, 3):
        samples.answers.append(
            {
                "import_seconds": 0.1 * number,
                "first_step_seconds": 0.2,
                "process_seconds": 10 * epoch_seconds,
                "peak_rss_mb": megabytes,
                "test_mse": test_mse,
                "versions": {"numpy": "2"},
                "blas_kernel": None,
            }
        )
    samples.epoch_seconds = [epoch_seconds, 1.1 * epoch_seconds, 0.9 * epoch_seconds]
    samples.predict_seconds = [0.05]
    return samples


@pytest.fixture
def rows():
    failed = samples_of(KERAS, 1.0)
    failed.failed = "ImportError: broken"
    torch, sklearn = (next(entry for entry in ENTRIES if entry.name == name) for name in ("torch-eager", "sklearn"))
    return [
        results.row(samples_of(NNLITE, 0.3)),
        results.row(samples_of(torch, 0.6, test_mse=0.00306, megabytes=500.0)),
        results.row(samples_of(sklearn, 0.9, test_mse=0.010)),
        results.row(samples_of(BLAS, 0.2, test_mse=None)),
        results.row(failed),
        results.skipped_row(Entry("absent", "Absent", "absent.Adapter", ("absent",), "absent"), "not installed"),
    ]


def test_a_report_has_the_figures_of_every_row(rows):
    report = json.loads(json.dumps(results.report(rows, TINY)))
    own = report["rows"][0]
    assert own["name"] == "nnlite"
    assert own["epoch_seconds"].pop("values") == pytest.approx([0.3, 0.33, 0.27])
    assert own["epoch_seconds"] == pytest.approx({"median": 0.3, "lowest": 0.27, "highest": 0.33})
    assert (own["test_mse"], own["peak_rss_mb"]) == (0.003, 100.0)
    assert [row["name"] for row in report["rows"]] == ["nnlite", "torch-eager", "sklearn", "blas", "keras", "absent"]
    products = report["rows"][3]
    assert (products["epoch_seconds"]["median"], products["process_seconds"], products["peak_rss_mb"]) == (0.2, None, None)
    assert report["job"]["description"] == TINY.describe()


def test_the_table_shows_missing_and_failed_frameworks(rows):
    results.check(rows)
    text = results.table(rows)
    assert "Absent: not installed" in text
    assert "failed: ImportError: broken" in text
    assert results.any_failed(rows)
    own = next(line for line in text.splitlines() if line.startswith("nnlite"))
    assert own.split() == ["nnlite", "0.200", "0.200", "0.300", "0.050", "3.00", "100", "0.00300", "1.00"]
    assert "0.270–0.330" in text
    assert next(line for line in text.splitlines() if line.startswith("PyTorch")).endswith("0.00306      2.00")


def test_a_result_that_is_not_that_of_the_others_is_marked(rows):
    rows = rows[:4]
    results.check(rows)
    assert [row.get("agrees") for row in rows] == [True, True, None, None]
    rows[1]["test_mse"] = 0.0034
    results.check(rows)
    assert not rows[1]["agrees"]
    assert "has not done the same job" in results.table(rows)
    assert results.any_failed(rows)


def test_without_nnlite_there_is_no_ratio_to_it(rows):
    results.check(rows)
    assert next(line for line in results.table(rows[1:]).splitlines() if line.startswith("PyTorch")).endswith("–")


def test_what_is_not_installed_or_has_no_time_gets_a_row_that_says_so(monkeypatch):
    monkeypatch.setattr(Entry, "installed", property(lambda entry: entry.framework != "sklearn"))
    arguments = frameworks.parser().parse_args(["--quick", "--only", "nnlite,sklearn,torch"])
    _, entries, skipped = frameworks.prepare(arguments)
    assert [entry.name for entry in entries] == ["nnlite", "nnlite-layers", "torch-eager", "blas"]
    reasons = {row["name"]: row["skipped"] for row in skipped}
    assert reasons == {"sklearn": "not installed: pip install scikit-learn", "torch-compile": "left out by --quick"}


def test_names_select_rows_and_frameworks():
    assert [entry.name for entry in choose(["nnlite", "jax"])] == ["nnlite", "nnlite-layers", "jax-epoch", "jax-step", "blas"]
    assert [entry.name for entry in choose(["jax-step"])] == ["jax-step", "blas"]
    assert choose(NAMES) == ENTRIES


@pytest.mark.parametrize(
    ("main", "argv", "words"),
    [
        (frameworks.main, ["--only", "nnlite,cafe"], "received 'cafe'"),
        (frameworks.main, ["--rounds", "0"], "at least 1"),
        (frameworks.main, ["--json", "/nowhere/at/all.json"], "folder that exists"),
        (scaling.main, ["--only", "cafe"], "invalid choice"),
        (scaling.main, ["--plot", "/dev/null/folder"], "cannot write"),
        (frameworks.main, ["--json", "/dev/null"], "expected a file name"),
        (frameworks.main, ["--plot", "run.txt"], "expected a name that ends in .png, .svg, .pdf"),
        (kernels.main, ["--plot", "run"], "expected a name that ends in .png, .svg, .pdf"),
        (step.main, ["--threads", "0"], "at least 1"),
        (kernels.main, ["--what"], "unrecognized"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(main, argv, words, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(argv)
    error = capsys.readouterr().err
    assert exit_.value.code == 2
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("main", "argv"),
    [
        (frameworks.main, ["--json", "run.json"]),
        (kernels.main, ["--plot", "run.png"]),
        (scaling.main, ["--plot", "."]),
        (scaling.main, ["--json", "there"]),
    ],
)
def test_a_place_that_may_not_be_written_to_is_found_before_the_run(main, argv, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").write_text("old")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(SystemExit) as exit_:
        main(argv)
    assert exit_.value.code == 2
    assert "may be written to" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_leaves_the_older_one(tmp_path):
    path = tmp_path / "run.json"
    command.write_json(path, {"number": 1})
    with pytest.raises(TypeError):
        command.write_json(path, {"number": object()})
    assert json.loads(path.read_text()) == {"number": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_goes_where_a_link_points(tmp_path):
    (tmp_path / "link").symlink_to("run.json")
    command.write_json(tmp_path / "link", {})
    assert (tmp_path / "link").is_symlink() and (tmp_path / "run.json").read_text() == "{}\n"


def test_a_reader_that_has_had_enough_is_no_reason_for_a_traceback():
    reader, writer = os.pipe()
    os.close(reader)
    program = "from benchmarks.command import run; run(lambda: print('a figure'))"
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run([sys.executable, "-c", program], stdout=closed, stderr=subprocess.PIPE, cwd=process.ROOT, timeout=60)
    assert (done.returncode, done.stderr) == (1, b"")


def test_an_environment_without_a_number_of_threads_is_one_thread(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "")
    assert process.default_threads() == 1


@pytest.mark.parametrize("main", [frameworks.main, scaling.main, kernels.main])
def test_help_is_a_manual(main, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    assert len(capsys.readouterr().out) > 700


def test_jobs_survive_json_and_know_their_products():
    for job in JOBS.values():
        assert Job.from_json(job.to_json()) == job
    # forward x W1, h W2; backward hᵀ dy, dy W2ᵀ, xᵀ dh: five products of 784 · 128 multiplications and additions an image
    assert JOBS["mnist"].operations == 60_000 * 5 * 2 * 784 * 128
    assert [layer.activation for layer in JOBS["deep"].layers].count("linear") == 1


def test_the_images_are_those_of_nnlite():
    from nnlite.datasets import load_mnist

    train, test = data.load_images(dataclasses.replace(TINY, images=1500))
    expected = load_mnist()
    np.testing.assert_array_equal(train, expected.train_images[:1500].reshape(-1, 784))
    np.testing.assert_array_equal(test, expected.test_images.reshape(-1, 784))


def test_the_error_is_that_of_nnlite():
    from nnlite.metrics import mse

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (1100, 784), np.uint8)
    prediction = rng.random((1100, 784), np.float32)
    assert data.mean_squared_error(prediction, images) == pytest.approx(mse(prediction, images / np.float32(255), peak=1), rel=1e-7)


@compiled
def test_nnlite_and_plain_numpy_do_the_same_job():
    train, test = data.load_images(TINY)
    weights = data.start_weights(TINY)
    adapters = [adapter(TINY, weights, train) for adapter in (NnliteAdapter, NumpyAdapter)]
    for adapter in adapters:
        rng = np.random.default_rng(TINY.order_seed)
        assert adapter.first_epoch(rng) > 0
        for _ in range(3):
            adapter.train_epoch(rng)
    layers = adapters[1].layers
    own, reference = adapters[0].model.get_weights(), [weight for layer in layers[::2] for weight in (layer.W, layer.b)]
    assert not np.array_equal(own[0], weights[0])
    for a, b in zip(own, reference, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    first, second = (adapter.predict(test[:100]) for adapter in adapters)
    assert first.shape == (100, 784)
    np.testing.assert_allclose(first, second, atol=1e-5)


@compiled
def test_two_workers_do_a_tiny_job_in_turn(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(frameworks.JOBS, "mnist", TINY)
    path, chart = tmp_path / "run.json", tmp_path / "run.png"
    arguments = ["--only", "nnlite,numpy", "--threads", "1", "--processes", "1", "--rounds", "2"]
    assert frameworks.main([*arguments, "--json", str(path), "--plot", str(chart)]) == 0
    report = json.loads(path.read_text())
    assert {"nnlite", "numpy"} <= {row["name"] for row in report["rows"]}
    for row in report["rows"]:
        assert row["agrees"] if row["name"] != "blas" else row["test_mse"] is None
        assert len(row["epoch_seconds"]["values"]) == 2
    assert report["rows"][0]["cold_first_step_seconds"] > 0
    assert report["threads"] == 1
    assert "plain NumPy" in capsys.readouterr().out
    assert chart.read_bytes().startswith(b"\x89PNG")


def test_a_worker_that_fails_says_why(tmp_path):
    entry = Entry("absent", "Absent", "absent.Adapter", ("absent",), "absent")
    with (
        process.Worker(entry, TINY, process.environment(1, tmp_path)) as worker,
        pytest.raises(process.WorkerError, match=r"No module named 'benchmarks.adapters.absent'"),
    ):
        worker.do_job()


def test_a_second_row_of_nnlite_where_openblas_is_told_its_kernels(tmp_path, monkeypatch):
    monkeypatch.setattr(process.machine, "read_cpuinfo", lambda: "")
    assert process.own_choice_of_kernel(process.environment(1, tmp_path)) is None
    flags = " ".join(process.machine.AVX512_FLAGS)
    monkeypatch.setattr(process.machine, "read_cpuinfo", lambda: f"vendor_id : AuthenticAMD\nflags : {flags}\n")
    monkeypatch.delenv(process.machine.KERNEL_VARIABLE, raising=False)
    monkeypatch.delenv(process.machine.SWITCH_VARIABLE, raising=False)
    told = process.environment(1, tmp_path)
    assert told[process.machine.KERNEL_VARIABLE] == "SkylakeX"
    free = process.own_choice_of_kernel(told)
    assert process.machine.KERNEL_VARIABLE not in free
    assert free[process.machine.SWITCH_VARIABLE] == "auto"
    monkeypatch.setenv(process.machine.KERNEL_VARIABLE, "Zen")  # the user's choice is nobody's to undo
    assert process.own_choice_of_kernel(process.environment(1, tmp_path)) is None


def test_slope():
    x = [1, 2, 4, 8, 16]
    assert scaling.slope(x, [5 * value**2 for value in x]) == pytest.approx(2)
    assert scaling.slope([1], [1]) is None


def test_every_series_varies_what_it_says():
    for quick in (False, True):
        for points in scaling.series(4, quick).values():
            values = [value for value, _, _ in points]
            assert values == sorted(set(values))
            assert len({(job, threads) for _, job, threads in points}) == len(points)
            assert all(job.batch_size <= job.images for _, job, _ in points)


def test_a_quick_series_has_fewer_points():
    quick, full = scaling.series(1, True), scaling.series(1, False)
    for name in ("batch_size", "width", "depth", "images"):
        assert 3 <= len(quick[name]) < len(full[name])


def test_the_charts_of_a_series_and_of_the_loops_can_be_drawn(tmp_path):
    points = [{"value": n, "seconds_per_sample": results.spread([1e-5 / n]), "training_rss_mb": 60 + n} for n in (1, 2, 4)]
    scaling.draw("threads", {"points": points, "seconds_slope": -1.0, "memory_slope": None}, tmp_path / "series.png")
    rows = [{"name": "relu", "nnlite_ns": 0.1, "numpy_ns": 0.2, "copy_ns": 0.1}]
    kernels.draw({"rows": rows}, tmp_path / "loops.png")
    assert {path.name for path in tmp_path.iterdir()} == {"series.png", "loops.png"}


def test_a_series_without_figures_of_memory_is_drawn_with_its_times(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr("benchmarks.plots.growth", lambda title, x_label, panels, path: drawn.update(panels))
    points = [
        {"value": n, "seconds_per_sample": results.spread([1e-5]), "training_rss_mb": 60 if n > 1 else None} for n in (1, 2, 4)
    ]
    scaling.draw("images", {"points": points, "seconds_slope": 0.0, "memory_slope": 0.0}, tmp_path / "series.png")
    assert [x for x, _, _ in drawn.values()] == [(1, 2, 4), (2, 4)]
    drawn.clear()
    scaling.draw("images", {"points": points[:1], "seconds_slope": None, "memory_slope": None}, tmp_path / "series.png")
    assert list(drawn) == ["µs a sample"]


def test_of_a_series_without_points_nothing_is_drawn(tmp_path):
    scaling.draw("images", {"points": [], "seconds_slope": None, "memory_slope": None}, tmp_path / "series.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", kernels.CASES, ids=lambda case: case.name)
def test_each_loop_and_its_expression_compute_the_same(case):
    arrays = kernels.make_arrays((6, 20))
    expected = case.expression(arrays)
    case.kernel(arrays)
    np.testing.assert_allclose(arrays.out if "out" in case.takes else arrays.y, expected, rtol=1e-5, atol=1e-6)


def test_a_step_is_timed_part_by_part():
    job, order = Job(hidden=(8,), images=200, batch_size=16), np.arange(100)
    figures = {name: step.timed(call, order, 16) for name, call in step.calls(job, 1)}
    names = ["compiled: forward", "and backward, SGD", "the step with Adam"]
    assert list(figures) == ["products, BLAS", "layers", *names, *(f"{name} of noise" for name in names)]
    assert all(0 < figure["fastest_us"] <= figure["median_us"] for figure in figures.values())


@pytest.mark.parametrize("columns", [2, 3])
def test_bars_of_two_and_of_three_figures_stand_side_by_side_about_their_name(columns, tmp_path, monkeypatch):
    from benchmarks import plots

    drawn = []
    monkeypatch.setattr(plots.Figure, "savefig", lambda figure, path, **options: drawn.append(figure))
    rows = {name: {f"key {n}": 1.0 + n for n in range(columns)} for name in ("a", "b")}
    plots.grouped_bars("seconds", rows, {f"figure {n}": f"key {n}" for n in range(columns)}, tmp_path / "bars.png")
    bars = sorted((bar.get_y(), bar.get_height(), bar.get_width()) for bar in drawn[0].axes[0].patches)
    tops = [y + height for y, height, _ in bars]
    assert [y for y, _, _ in bars[1:columns]] == pytest.approx(tops[: columns - 1])  # no gap, and none behind another
    assert (bars[0][0] + tops[columns - 1]) / 2 == pytest.approx(0)
    assert [width for _, _, width in bars] == 2 * [1.0 + n for n in range(columns)]


def test_products_are_timed_beside_numpy(monkeypatch):
    monkeypatch.setattr(kernels, "LEAST_SECONDS", 1e-4)
    rows = kernels.measure_products()["rows"]
    assert [row["name"] for row in rows] == ["x W1", "h W2", "dz W2ᵀ", "hᵀ dz", "xᵀ dh", "a tile"]
    assert all(row["nnlite"] > 0 < row["numpy"] for row in rows)
    assert len(kernels.products_table({"rows": rows}).splitlines()) == 7


def test_a_busy_machine_is_made_and_ends():
    with process.busy(2) as others:
        assert [other.poll() for other in others] == [None, None]
    assert None not in [other.poll() for other in others]
