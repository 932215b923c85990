"""Where rate meets distortion: this layer quantises the latents, and knows the price of the integers in bits.

Rounding has no useful derivative. So training adds uniform noise n on [−½, ½] in its place:

    y = g u        latents u times a gain g: the larger g, the finer the steps
    ŷ = y + n      in place of round(y)
    û = ŷ / g      the decoder's input

The rate is the information in ŷ under a prior: a logistic distribution for each latent, with a location μ and a scale s that are
learned, too. The probability of the interval [ŷ − ½, ŷ + ½], with σ the sigmoid, is

    P = σ(a) − σ(b),   a = (ŷ − μ + ½) / s,   b = (ŷ − μ − ½) / s
      = σ(a) σ(−b) (1 − exp(−1/s)),

The second form gives −ln P = ln(1 + exp(−a)) + ln(1 + exp(b)) − ln(1 − exp(−1/s)) without cancellation in either tail.

One model serves several qualities. Each quality has its own gains, its own prior and its own price of a bit. In training each
sample draws a quality.

References
----------
J. Ballé, V. Laparra, E. Simoncelli, "End-to-end optimized image compression", ICLR 2017 (noise in place of rounding).
Z. Cui et al., "Asymmetric gained deep image compression with continuous rate adaptation", CVPR 2021 (gains for several rates).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FloatArray, as_array, expect, expect_count
from nnlite.codec import quantizer
from nnlite.layers.layer import Parameter, RandomLayer, expect_floats
from nnlite.layers.rectifiers import softplus

SPEED = 10.0  # parameters are stored divided by this: Adam moves each by about η a step, and gains and priors must move far


class EntropyBottleneck(RandomLayer):
    """Quantises K latents at Q qualities, and adds the price of their bits to the loss.

    Parameters
    ----------
    features : int
        K.
    bit_prices : sequence of Q positive floats
        For each quality, the price of one bit of a sample in the loss; a lower price gives a higher quality.
    rng : np.random.Generator
        Draws the noise and the qualities.
    probabilities : sequence of Q floats, optional
        How often to train each quality; by default equally often.
    dtype : float32 or float64, default float32

    Attributes
    ----------
    penalty : float
        Mean over N of bits · price in the last ``forward(x, training=True)``.
    bits : array, shape (N,)
        The bits of each sample in that forward; `quality`, shape (N,), holds the drawn qualities.

    Raises
    ------
    ValueError
        `features` is below 1, there is no price, or a price is not positive and finite.

    Notes
    -----
    forward: u (N, K) → û (N, K); in inference at the highest quality. backward: dû (N, K) → du (N, K).
    """

    def __init__(
        self,
        features: int,
        bit_prices: Sequence[float],
        *,
        rng: np.random.Generator,
        probabilities: Sequence[float] | None = None,
        dtype: npt.DTypeLike = np.float32,
    ):
        super().__init__(rng)
        expect_count("EntropyBottleneck", "features", features)
        prices = as_array("bit_prices", bit_prices).astype(np.float64)
        positive = prices.ndim == 1 and prices.size > 0 and (np.isfinite(prices) & (prices > 0)).all()
        expect(bool(positive), f"EntropyBottleneck expects positive bit_prices, received {prices.tolist()}")
        self.bit_prices = prices
        self.probabilities = probabilities
        gain = 4 * (np.exp(np.mean(np.log(prices))) / prices) ** 0.3  # (Q,): near the values where training ends
        start = np.zeros((prices.size, features))  # the parameters are ln g, μ and ln s, each (Q, K) and divided by SPEED
        self.log_gain = Parameter("log_gain", (start + np.log(gain)[:, None] / SPEED).astype(dtype))
        self.location = Parameter("location", start.astype(dtype))
        self.log_scale = Parameter("log_scale", (start + 1 / SPEED).astype(dtype))

    @property
    def gain(self) -> FloatArray:
        """The gains g, shape (Q, K)."""
        return self._settings(slice(None))[0]

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """û for the latents u = x. Without training, round them at the last quality."""
        expect_floats("EntropyBottleneck", x, self.location.value.dtype)
        if not training:
            highest = self.gain[-1]
            return quantizer.dequantize(quantizer.quantize(x, highest), highest)
        self.quality = self.rng.choice(len(self.bit_prices), len(x), p=self.probabilities)  # (N,)
        g, mu, s = self._settings(self.quality)  # (N, K) each
        noise = self.rng.random(x.shape, x.dtype.type) - x.dtype.type(0.5)
        noisy = g * x + noise  # ŷ
        a, b = (noisy - mu + 0.5) / s, (noisy - mu - 0.5) / s
        nats = softplus(-a) + softplus(b) - np.log(-np.expm1(-1 / s))
        self.bits = nats.sum(axis=1) / np.log(2)
        self.penalty = float(np.mean(self.bits * self.bit_prices[self.quality]))
        restored: FloatArray = noisy / g  # û
        self._keep(restored, x, restored, g, s, a, b)
        return restored

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """du = (dû / g + ∂R/∂ŷ) g for R = penalty; add the gradients of gains and priors."""
        x, restored, g, s, a, b = self._take(dy)
        price = (self.bit_prices[self.quality] / (np.log(2) * len(x))).astype(dy.dtype)[:, None]  # of a nat, (N, 1)
        sigmoid_a, sigmoid_b = (0.5 + 0.5 * np.tanh(0.5 * z) for z in (a, b))  # 1 / (1 + exp(−z)), and nothing overflows
        # ∂R/∂ŷ: ln(1 + exp(−a)) has the slope σ(a) − 1 in a, ln(1 + exp(b)) σ(b) in b
        d_noisy = price * (sigmoid_a + sigmoid_b - 1) / s
        d_location = -d_noisy  # R depends on ŷ − μ only
        # ∂a/∂ln s = −a and ∂b/∂ln s = −b; the last term is the derivative of −ln(1 − exp(−1/s))
        d_log_scale = price * (a * (1 - sigmoid_a) - b * sigmoid_b + 1 / (s * np.expm1(1 / s)))
        d_noisy = d_noisy + dy / g
        d_log_gain = d_noisy * g * x - dy * restored  # ∂ŷ/∂ln g = g u, and û = ŷ / g once more
        chosen = (self.quality == np.arange(len(self.bit_prices))[:, None]).astype(dy.dtype)  # (Q, N): 1 where n trained q
        for parameter, d in zip(self.parameters, (d_log_gain, d_location, d_log_scale), strict=True):
            parameter.add_product(chosen, SPEED * d)
        du: FloatArray = d_noisy * g
        return du

    def _settings(self, quality: int | slice | npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return g, μ and s of one quality, (K,), or of one quality for each sample, (N, K)."""
        log_gain, location, log_scale = (SPEED * parameter.value[quality] for parameter in self.parameters)
        return np.exp(log_gain), location, np.exp(log_scale)
