"""The lapped transform: windows of the docstring's formula, an exact inverse in integers, a mirror at the border."""

import numpy as np
import pytest

from nnlite.codec.photographs.model import Model
from nnlite.codec.photographs.transform import SYNTHESIS_BITS, analyse, synthesise

MODEL = Model.load()
SIZES = [(8, 8), (8, 40), (24, 16), (40, 48)]


def analyse_plainly(line):
    """c_b = A x_b with x_b from the line and its mirror image, block by block."""
    mirrored = np.concatenate([line[3::-1], line, line[: -5 if len(line) > 4 else None : -1]])
    return np.concatenate([MODEL.analysis @ mirrored[8 * b : 8 * b + 16] for b in range(len(line) // 8)])


def synthesise_plainly(line):
    """Σ_b S^T c_b; what falls beyond the border comes back from the mirror."""
    matrix = MODEL.synthesis / 2**SYNTHESIS_BITS
    added = np.zeros(len(line) + 8)
    for b in range(len(line) // 8):
        added[8 * b : 8 * b + 16] += matrix.T @ line[8 * b : 8 * b + 8]
    for k in range(4):
        added[4 + k] += added[3 - k]
        added[-5 - k] += added[-4 + k]
    return added[4:-4]


@pytest.mark.parametrize("size", SIZES)
def test_analysis_is_the_formula_along_rows_then_columns(rng, size):
    plane = rng.normal(0, 50, size)
    expected = np.apply_along_axis(analyse_plainly, 0, np.apply_along_axis(analyse_plainly, 1, plane))
    blocks = expected.reshape(size[0] // 8, 8, size[1] // 8, 8).transpose(0, 2, 1, 3).reshape(size[0] // 8, size[1] // 8, 64)
    assert analyse(plane, MODEL.analysis) == pytest.approx(blocks, abs=1e-9)


@pytest.mark.parametrize("size", SIZES)
def test_synthesis_is_the_formula_up_to_its_rounding(rng, size):
    blocks = rng.integers(-30_000, 30_000, (size[0] // 8, size[1] // 8, 64))
    plane = blocks.reshape(size[0] // 8, size[1] // 8, 8, 8).transpose(0, 2, 1, 3).reshape(size).astype(float)
    expected = np.apply_along_axis(synthesise_plainly, 0, np.apply_along_axis(synthesise_plainly, 1, plane))
    assert np.abs(synthesise(blocks, MODEL.synthesis) - expected).max() < 2


@pytest.mark.parametrize("size", SIZES)
def test_synthesis_undoes_analysis(rng, size):
    plane = rng.integers(-128, 128, size).astype(float)
    coefficients = np.rint(256 * analyse(plane, MODEL.analysis)).astype(np.int64)
    assert np.abs(synthesise(coefficients, MODEL.synthesis) / 256 - plane).max() < 0.1


@pytest.mark.parametrize(
    "coefficients",
    [
        np.full((1, 3, 64), 256 * 32768, np.int64) * np.where(np.arange(64) % 3, 1, -1),
        np.random.default_rng(6).integers(-30_000, 30_000, (12, 16, 64)),  # so many that some end near a half
    ],
    ids=["the largest", "many"],
)
def test_synthesis_computes_in_integers_that_floats_hold_exactly(coefficients):
    rows, columns, _ = coefficients.shape
    exact = coefficients.reshape(rows, columns, 8, 8).transpose(0, 2, 1, 3).reshape(8 * rows, 8 * columns).astype(object)
    matrix = MODEL.synthesis.astype(object)
    for _ in range(2):
        blocks = exact.shape[1] // 8
        added = np.zeros((exact.shape[0], 8 * blocks + 8), object)
        for b in range(blocks):
            added[:, 8 * b : 8 * b + 16] += exact[:, 8 * b : 8 * b + 8] @ matrix
        added[:, 4:8] += added[:, 3::-1]
        added[:, -8:-4] += added[:, :-5:-1]
        exact = ((added[:, 4:-4] + 2 ** (SYNTHESIS_BITS - 1)) // 2**SYNTHESIS_BITS).T
    assert synthesise(coefficients, MODEL.synthesis).tolist() == exact.tolist()


def test_building_stones_have_norm_one():
    assert np.linalg.norm(MODEL.synthesis / 2**SYNTHESIS_BITS, axis=1) == pytest.approx(np.ones(8), abs=1e-3)
