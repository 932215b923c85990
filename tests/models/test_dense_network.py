"""Stacks of layers that several models are made of."""

import numpy as np
import pytest

from nnlite import Dense, SiLU
from nnlite.models import dense_network


def test_a_network_of_dense_layers_has_a_silu_between_each_two(rng):
    layers = dense_network([7, 5, 4, 2], rng)
    assert [type(layer) for layer in layers] == [Dense, SiLU, Dense, SiLU, Dense]
    assert [layer.weight.value.shape for layer in layers[::2]] == [(7, 5), (5, 4), (4, 2)]
    assert {layer.weight.value.dtype for layer in layers[::2]} == {np.dtype(np.float32)}


def test_the_smallest_network_is_one_dense(rng):
    (layer,) = dense_network([3, 2], rng)
    assert type(layer) is Dense


@pytest.mark.parametrize("widths", [[], [3]])
def test_a_network_needs_two_widths(widths, rng):
    with pytest.raises(ValueError, match=f"dense_network expects at least two widths, received .{widths[0] if widths else ''}"):
        dense_network(widths, rng)


def test_a_network_needs_widths_of_at_least_one(rng):
    with pytest.raises(ValueError, match="out_features of at least 1, received 0"):
        dense_network([3, 0], rng)
