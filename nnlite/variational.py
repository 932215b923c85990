"""A code that is a distribution: what turns an autoencoder into a model that images can be drawn from.

The encoder does not say where in the code's space an image lies but how likely each place is: a normal distribution with a mean m
and a variance exp(v) for each of K numbers, both of which are its output. A sample z of it goes to the decoder. Written as

    z = m + exp(v / 2) ε,   ε from the standard normal distribution,

the sample has a derivative in m and v (the reparameterisation). The distribution pays for what it says about the image beyond the
standard normal distribution p(z), from which new images are drawn, by its Kullback-Leibler divergence to it

    KL = ½ Σ_k (m_k² + exp(v_k) − v_k − 1)   nats,

so that reconstruction error and KL together bound how badly the model predicts an image: with −ln p(x | z) for the former,
ln p(x) ≥ ELBO = E[ln p(x | z)] − KL.

References
----------
D. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014.
"""

import numpy as np
import numpy.typing as npt

from nnlite.initializers import FloatArray
from nnlite.layers import Layer
from nnlite.parameters import Shape


def gaussian_kl(mean: FloatArray, log_variance: FloatArray) -> npt.NDArray[np.float64]:
    """Return ½ Σ_k (m_k² + exp(v_k) − v_k − 1) in nats, shape (N,), for means and log variances (N, K)."""
    terms = mean**2 + np.expm1(log_variance) - log_variance  # (N, K)
    return np.asarray(terms.sum(axis=1, dtype=np.float64) / 2)


class GaussianSample(Layer):
    """Samples the code: x (N, 2K), the means m and then the log variances v, → z = m + exp(v / 2) ε, (N, K); in inference z = m.

    Parameters
    ----------
    kl_price : float
        What a nat of KL adds to the loss, not negative. With a loss that is a mean over D numbers it is 1 / D where the sum of both
        is to be −ELBO / D.
    rng : np.random.Generator
        Draws ε.

    Attributes
    ----------
    penalty : float
        kl_price times the mean over N of KL, in the last ``forward(x, training=True)``.
    """

    def __init__(self, kl_price: float, *, rng: np.random.Generator):
        super().__init__()
        if not (np.isfinite(kl_price) and kl_price >= 0):
            raise ValueError(f"GaussianSample expects a kl_price of at least 0, received {kl_price}")
        self.kl_price, self.rng = kl_price, rng

    def output_shape(self, input_shape: Shape) -> Shape:
        """(2K,) → (K,)."""
        if len(input_shape) != 1 or input_shape[0] % 2 or not input_shape[0]:
            raise ValueError(
                f"GaussianSample expects K means and K log variances, (N, 2K), received samples of shape {input_shape}: "
                "give the Dense before it twice as many units as the code has numbers"
            )
        return (input_shape[0] // 2,)

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """z = m + exp(v / 2) ε."""
        (code,) = self.output_shape(x.shape[1:])
        mean, log_variance = x[:, :code], x[:, code:]
        if not training:
            return mean
        noise = self.rng.standard_normal(mean.shape, x.dtype.type)  # ε
        spread = np.exp(log_variance / 2) * noise  # (N, K)
        self.penalty = self.kl_price * float(np.mean(gaussian_kl(mean, log_variance)))
        self._keep(x, spread)
        sample: FloatArray = mean + spread
        return sample

    def backward(self, dy: FloatArray) -> FloatArray:
        """∂L/∂m and ∂L/∂v, beside each other."""
        x, spread = self._take()
        code = dy.shape[1]
        price = self.kl_price / len(x)
        dx = np.empty_like(x)
        dx[:, :code] = dy + price * x[:, :code]  # ∂z/∂m = 1, ∂KL/∂m = m
        dx[:, code:] = dy * spread / 2 + price / 2 * np.expm1(x[:, code:])  # ∂z/∂v = exp(v / 2) ε / 2, ∂KL/∂v = (exp(v) − 1) / 2
        return dx
