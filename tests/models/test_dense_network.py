"""Stacks of layers that several models are made of."""

import numpy as np
import pytest

from nnlite import Dense, SiLU, Tanh
from nnlite.initializers import he_normal, zeros
from nnlite.models import dense_network


def test_a_network_of_dense_layers_has_a_silu_between_each_two(rng):
    layers = dense_network([7, 5, 4, 2], rng)
    assert [type(layer) for layer in layers] == [Dense, SiLU, Dense, SiLU, Dense]
    assert [layer.weight.value.shape for layer in layers[::2]] == [(7, 5), (5, 4), (4, 2)]
    assert {layer.weight.value.dtype for layer in layers[::2]} == {np.dtype(np.float32)}


def test_the_start_is_hes_and_three_tenths_of_it_in_the_last_layer():
    layers = dense_network([7, 5, 4, 2], np.random.default_rng(3))[::2]
    twin = np.random.default_rng(3)
    expected = [he_normal((7, 5), twin), he_normal((5, 4), twin), np.float32(0.3) * he_normal((4, 2), twin)]
    for layer, weight in zip(layers, expected, strict=True):
        np.testing.assert_allclose(layer.weight.value, weight, rtol=1e-6)


def test_another_start_and_activation_are_taken_everywhere(rng):
    layers = dense_network([7, 5, 4, 2], rng, Tanh, zeros)
    assert [type(layer) for layer in layers] == [Dense, Tanh, Dense, Tanh, Dense]
    assert not any(layer.weight.value.any() for layer in layers[::2])


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
