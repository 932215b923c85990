"""The notebook: every code cell runs, top to bottom, and what it says is what the text around it claims."""

import contextlib
import io
import json
import os
import re

import matplotlib
import pytest
from pages import ROOT

NOTEBOOK = json.loads((ROOT / "docs/notebook.ipynb").read_text(encoding="utf-8"))
pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="takes minutes without the compiler")
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def executed():
    """The names that the cells leave, the number of figures of each, and what they print."""
    import matplotlib.pyplot as plt

    names, figures, said = {"__name__": "notebook"}, [], io.StringIO()
    backend = matplotlib.get_backend()
    matplotlib.use("agg")
    with contextlib.redirect_stdout(said):
        for number, cell in enumerate(CODE):
            exec(compile(cell, f"cell {number}", "exec"), names)
            figures.append(len(plt.get_fignums()))
            plt.close("all")
    matplotlib.use(backend)
    return names, figures, said.getvalue()


def test_it_runs_from_top_to_bottom_and_draws(executed):
    _, figures, _ = executed
    assert figures == [0, 0, 2, 2, 0, 0, 1]


def test_training_and_summary_are_printed(executed):
    _, _, said = executed
    assert "50,992 parameters, float32" in said
    assert len(re.findall(r"^epoch \d/5  loss \d\.\d{5}  val_loss \d\.\d{5}  ", said, re.MULTILINE)) == 10
    assert "\r" not in said


def test_the_broken_backward_learns_all_the_same_and_is_found(executed):
    names, _, said = executed
    losses = names["broken_history"].history["val_loss"]
    assert losses[-1] < losses[0]
    assert "BrokenSigmoid: the gradient with respect to x is wrong" in said


def test_better_quality_takes_more_bytes(executed):
    sizes = [len(file) for file in executed[0]["files"].values()]
    assert sizes == sorted(set(sizes)) and sizes[0] < 784 / 20


def test_outputs_are_left_out_so_that_the_file_is_small_and_no_run_changes_it():
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code")
    assert (ROOT / "docs/notebook.ipynb").stat().st_size < 20_000


def test_links_lead_somewhere():
    text = "".join("".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "markdown")
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert targets and all((ROOT / "docs" / target).exists() for target in targets)
