"""A code that is a distribution makes an autoencoder a model from which new images can be drawn.

The encoder says not where in the code's space an image lies, but how likely each place is: its output are the mean m and the log
variance v of a normal distribution q, for each of K numbers. A sample z of q goes to the decoder. Written as

    z = m + exp(v / 2) ε,   ε from the standard normal distribution,

the sample has a derivative in m and v (the reparameterisation). New images are drawn from the prior p(z). What q says beyond the
prior has a price, the Kullback-Leibler divergence KL = E[ln q(z) − ln p(z)]. With the price of the reconstruction, −ln p(x | z), it
bounds how well the model predicts an image: ln p(x) ≥ ELBO = E[ln p(x | z)] − KL.

The prior is the standard normal distribution, and KL has a formula; or it is a mixture of normal distributions that is learned
along with the rest, and KL is estimated from the sample at hand.

References
----------
D. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014.
J. Tomczak, M. Welling, "VAE with a VampPrior", AISTATS 2018 (a mixture as prior).
"""

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FloatArray, Shape, as_number, expect, expect_count
from nnlite.layers.activations import softmax
from nnlite.layers.layer import Parameter, RandomLayer, expect_floats

Slopes = tuple[FloatArray, FloatArray | float, FloatArray | float]  # by m, by v and by z


def gaussian_kl(mean: FloatArray, log_variance: FloatArray) -> npt.NDArray[np.float64]:
    """Return KL to the standard normal distribution, ½ Σ_k (m_k² + exp(v_k) − v_k − 1) nats, shape (N,), for m and v (N, K)."""
    terms = mean**2 + np.expm1(log_variance) - log_variance  # (N, K)
    return np.asarray(terms.sum(axis=1, dtype=np.float64) / 2)


class GaussianSample(RandomLayer):
    """Samples the code: x (N, 2K), the means m and then the log variances v, → z = m + exp(v / 2) ε, (N, K); in inference z = m.

    Parameters
    ----------
    kl_price : float
        The price of a nat of KL in the loss, not negative. For a loss that is a mean over D numbers, 1 / D makes the sum −ELBO / D.
    rng : np.random.Generator
        Draws ε.

    Attributes
    ----------
    penalty : float
        kl_price times the mean over N of KL, in the last ``forward(x, training=True)``.
    """

    def __init__(self, kl_price: float, *, rng: np.random.Generator):
        super().__init__(rng)
        self.kl_price = as_number(f"{self._name} expects a kl_price ≥ 0", kl_price, least=0)

    def output_shape(self, input_shape: Shape) -> Shape:
        """(2K,) → (K,)."""
        if len(input_shape) != 1 or input_shape[0] % 2 or not input_shape[0]:
            way_out = "give the Dense before it twice as many units as the code has numbers"
            expected = f"{self._name} expects K means and K log variances, (N, 2K)"
            raise ValueError(f"{expected}, received samples of shape {input_shape}: {way_out}")
        return (input_shape[0] // 2,)

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """z = m + exp(v / 2) ε."""
        expect_floats(self._name, x)
        (code,) = self.output_shape(x.shape[1:])
        mean, log_variance = x[:, :code], x[:, code:]
        if not training:
            return mean
        z, noise = self.sample(mean, log_variance, self.rng)
        self.penalty = self.kl_price * float(np.mean(self.divergence(mean, log_variance, noise, z)))
        return self._keep(z, mean, log_variance, noise, z)

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """∂L/∂m and ∂L/∂v, beside each other, of the loss behind z and of the penalty."""
        mean, log_variance, noise, z = self._take(dy)
        price = self.kl_price / len(z)
        d_mean, d_log_variance, d_sample = self._divergence_backward(mean, log_variance, z, price)
        dz = dy + d_sample
        # ∂z/∂m = 1 and ∂z/∂v = exp(v / 2) ε / 2
        return np.concatenate([dz + d_mean, dz * np.exp(log_variance / 2) * noise / 2 + d_log_variance], axis=1)

    def sample(self, mean: FloatArray, log_variance: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return a sample z of q and the ε behind it, both (N, K)."""
        noise = rng.standard_normal(mean.shape, mean.dtype.type)
        return mean + np.exp(log_variance / 2) * noise, noise

    def divergence(self, mean: FloatArray, log_variance: FloatArray, noise: FloatArray, z: FloatArray) -> npt.NDArray[np.float64]:
        """Return KL in nats, (N,)."""
        return gaussian_kl(mean, log_variance)

    def _divergence_backward(self, mean: FloatArray, log_variance: FloatArray, z: FloatArray, price: float) -> Slopes:
        """price · (∂KL/∂m, ∂KL/∂v, ∂KL/∂z) = price · (m, (exp(v) − 1) / 2, 0)."""
        return price * mean, price / 2 * np.expm1(log_variance), 0.0

    def draw(self, count: int, code: int, rng: np.random.Generator) -> FloatArray:
        """Return `count` codes (count, K) from the prior, float32: decoded, they are images that nobody has seen."""
        return rng.standard_normal((count, code), np.float32)


class MixtureSample(GaussianSample):
    """GaussianSample with a prior that is learned, p(z) = Σ_j w_j N(z; μ_j, diag σ_j²): codes need not fill one round ball.

    KL is estimated by the sample at hand, ln q(z) − ln p(z). With r_j the share of component j in p(z) and w the softmax of a,

        ∂ln p/∂z = −Σ_j r_j (z − μ_j) / σ_j²          ∂ln p/∂μ_j = r_j (z − μ_j) / σ_j²
        ∂ln p/∂ln σ_j = r_j ((z − μ_j)² / σ_j² − 1)    ∂ln p/∂a_j = r_j − w_j.

    Parameters
    ----------
    code : int
        K.
    components : int
        J, of the mixture.
    kl_price : float
    rng : np.random.Generator
        As for `GaussianSample`; it also draws the first μ, from the standard normal distribution.
    dtype : float32 or float64, default float32
    """

    def __init__(self, code: int, components: int, kl_price: float, *, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32):
        super().__init__(kl_price, rng=rng)
        expect_count("MixtureSample", "code", code)
        expect_count("MixtureSample", "components", components)
        self.location = Parameter("location", rng.standard_normal((components, code)).astype(dtype))  # μ, (J, K)
        self.log_scale = Parameter("log_scale", np.zeros((components, code), dtype))  # ln σ, (J, K)
        self.logit = Parameter("logit", np.zeros(components, dtype))  # a, (J,)

    def output_shape(self, input_shape: Shape) -> Shape:
        """(2K,) → (K,)."""
        code = self.location.value.shape[1]
        expected = f"{code} means and {code} log variances"
        expect(input_shape == (2 * code,), f"MixtureSample expects {expected}, received samples of shape {input_shape}")
        return (code,)

    def divergence(self, mean: FloatArray, log_variance: FloatArray, noise: FloatArray, z: FloatArray) -> npt.NDArray[np.float64]:
        """Return ln q(z) − ln p(z) in nats, (N,); both are without their K/2 ln 2π."""
        log_q = -np.sum(noise**2 + log_variance, axis=1, dtype=np.float64) / 2
        return log_q - _log_sum_exp(self._log_shares(z))

    def _divergence_backward(self, mean: FloatArray, log_variance: FloatArray, z: FloatArray, price: float) -> Slopes:
        """price · (0, −½, −∂ln p/∂z), and the gradients of the prior: ln q depends on m and v through ε and −v / 2 alone."""
        shares = softmax(self._log_shares(z))  # r, (N, J)
        centred, location, precision = self._centred(z)
        total, first, second = shares.sum(axis=0), shares.T @ centred, shares.T @ centred**2  # Σ_n r, Σ_n r z, Σ_n r z²
        squares = second - 2 * location * first + total[:, None] * location**2  # Σ_n r (z − μ)², (J, K)
        self.location.add(price * precision * (total[:, None] * location - first))
        self.log_scale.add(price * (total[:, None] - precision * squares))
        self.logit.add(price * (len(z) * softmax(self.logit.value) - total))
        d_sample = price * (centred * (shares @ precision) - shares @ (precision * location))
        return np.zeros_like(mean), -price / 2, d_sample.astype(z.dtype)

    def _log_shares(self, z: FloatArray) -> FloatArray:
        """Return ln w_j + ln N(z; μ_j, σ_j²) without K/2 ln 2π, (N, J); the squares are multiplied out for the matrix products."""
        centred, location, precision = self._centred(z)
        squares = centred**2 @ precision.T - 2 * centred @ (precision * location).T + np.sum(precision * location**2, axis=1)
        log_weights = self.logit.value - np.logaddexp.reduce(self.logit.value)
        return np.asarray(log_weights - self.log_scale.value.sum(axis=1, dtype=np.float64) - squares / 2)

    def _centred(self, z: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return z and μ from the middle of all μ, and 1 / σ², in float64.

        Where σ is small the squares cancel: z² / σ² − 2 z μ / σ² + μ² / σ² is far less than its terms. Float64 is exact enough for
        any σ that float32 codes can tell apart.
        """
        location = self.location.value.astype(np.float64)
        middle = location.mean(axis=0)
        return z - middle, location - middle, np.exp(-2 * self.log_scale.value.astype(np.float64))

    def draw(self, count: int, code: int, rng: np.random.Generator) -> FloatArray:
        """Return `count` codes (count, K) from the prior, float32 whatever the layer's dtype."""
        if code != self.location.value.shape[1]:
            raise ValueError(f"MixtureSample draws codes of {self.location.value.shape[1]} numbers, received code={code}")
        chosen = rng.choice(len(self.logit.value), count, p=softmax(self.logit.value.astype(np.float64)))
        noise = rng.standard_normal((count, code), np.float32)
        drawn: FloatArray = self.location.value[chosen] + np.exp(self.log_scale.value[chosen]) * noise
        return drawn.astype(np.float32)


def _log_sum_exp(logits: FloatArray) -> FloatArray:
    """ln Σ_j exp(a_j), (N,), of rows (N, J): as `np.logaddexp.reduce`, many times as fast."""
    largest = logits.max(axis=1)
    return np.asarray(largest + np.log(np.exp(logits - largest[:, None]).sum(axis=1)))
