"""Penalties make a model pay for its weights or its activity: layers that return their input and add a price to the loss.

The price goes into the loss by `Layer.penalty`, and its gradient is added in backward. λ |w| pulls with the same force until w is
0. λ w² / 2 pulls with the force λ w, which fades: all weights become small, few become 0. Validation losses have no price.
"""

from collections.abc import Sequence

import numpy as np

from nnlite.arrays import FloatArray, as_number, expect
from nnlite.layers.dense import Dense
from nnlite.layers.layer import Layer, Parameter, expect_floats


class WeightPenalty(Layer):
    """Adds Σ (λ₁ |w| + λ₂ w² / 2) over the weights of some Dense layers to the loss; their biases are free.

    The gradient of the second term is λ₂ w: with plain SGD, λ₂ is the weight decay. The penalty shares the weights' Parameters, so
    gradients add up. Put it after the layers it punishes: a shared weight is named after the first layer that lists it.

    Parameters
    ----------
    layers : sequence of Dense
        The layers to punish; the model contains them.
    l1, l2 : float, default 0
        λ₁ and λ₂, not negative.
    """

    def __init__(self, layers: Sequence[Dense], *, l1: float = 0.0, l2: float = 0.0):
        super().__init__()
        self.l1 = as_number("WeightPenalty expects l1 of at least 0", l1, least=0)
        self.l2 = as_number("WeightPenalty expects l2 of at least 0", l2, least=0)
        denses = isinstance(layers, Sequence) and all(isinstance(layer, Dense) for layer in layers)
        expect(denses, f"WeightPenalty expects a list of Dense layers, received {layers!r}")
        self.weights = [layer.weight for layer in layers]

    @property
    def parameters(self) -> list[Parameter]:
        """The weights, which belong to their own layers."""
        return self.weights

    def named_parameters(self) -> dict[str, Parameter]:
        """Return the weights by position, such as "0.weight"."""
        return {f"{position}.weight": weight for position, weight in enumerate(self.weights)}

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = x."""
        expect_floats(self._name, x)
        if training:
            self.penalty = 0.0
            for weight in self.weights:
                w = weight.value
                self.penalty += self.l1 * float(np.sum(np.abs(w))) + self.l2 / 2 * float(np.sum(w * w))
            self._keep(x)
        return x

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """dx = dy, and λ₁ sign(w) + λ₂ w for each weight."""
        self._take(dy)
        for weight in self.weights:
            weight.add(self.l1 * np.sign(weight.value) + self.l2 * weight.value)
        return dy


class ActivityPenalty(Layer):
    """Adds λ Σ_d |x[n, d]|, the mean over n, to the loss: few units are active at a time (a sparse code).

    Parameters
    ----------
    l1 : float
        λ, not negative.
    """

    def __init__(self, l1: float):
        super().__init__()
        self.l1 = as_number("ActivityPenalty expects l1 of at least 0", l1, least=0)

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = x."""
        expect_floats(self._name, x)
        if training:
            self.penalty = self.l1 * float(np.sum(np.abs(x))) / max(len(x), 1)
            self._keep(x, x)
        return x

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """dx = dy + λ sign(x) / N."""
        (x,) = self._take(dy)
        return np.add(dy, self.l1 / max(len(x), 1) * np.sign(x), out=self._buffer("dx", dy.shape, dy.dtype))


class SparsityPenalty(Layer):
    """Keeps each unit active for about a share ρ of the samples: adds β Σ_d KL(ρ ‖ ρ̂_d) to the loss, with ρ̂_d the batch's mean.

    KL(ρ ‖ ρ̂) = ρ ln(ρ / ρ̂) + (1 − ρ) ln((1 − ρ) / (1 − ρ̂)) is the divergence between coins that fall heads with ρ and with ρ̂, and 0
    where they agree. ρ̂ is clipped to [1e-7, 1 − 1e-7].

    Parameters
    ----------
    target : float
        ρ in (0, 1), such as 0.05.
    weight : float
        β, not negative.

    Notes
    -----
    x (N, D) holds activities in [0, 1], such as a sigmoid's.

    References
    ----------
    A. Ng, "Sparse autoencoder", CS294A lecture notes, Stanford 2011, section 3.
    """

    def __init__(self, target: float, weight: float):
        super().__init__()
        self.target = as_number("SparsityPenalty expects a target in (0, 1)", target, above=0, below=1)
        self.weight = as_number("SparsityPenalty expects a weight of at least 0", weight, least=0)

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = x."""
        expect_floats(self._name, x)
        if training:
            mean = np.clip(x.mean(axis=0), 1e-7, 1 - 1e-7)  # ρ̂, (D,)
            heads = self.target * np.log(self.target / mean)
            tails = (1 - self.target) * np.log((1 - self.target) / (1 - mean))
            self.penalty = self.weight * float(np.sum(heads + tails))
            self._keep(x, mean)
        return x

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """dx = dy + β / N · (−ρ / ρ̂ + (1 − ρ) / (1 − ρ̂)), since ∂ρ̂_d/∂x[n, d] = 1 / N."""
        (mean,) = self._take(dy)
        slope = (1 - self.target) / (1 - mean) - self.target / mean  # (D,)
        return np.add(dy, self.weight / len(dy) * slope, out=self._buffer("dx", dy.shape, dy.dtype))
