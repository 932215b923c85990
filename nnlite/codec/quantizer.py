"""Numbers to integers and back: here, and only here, a code loses information.

Rounding to the nearest multiple of a step Δ makes an error that is spread evenly over [−Δ/2, Δ/2], with the variance Δ² / 12. Half
the step gives a quarter of the squared error, and costs about one bit more for each coded integer. `digits.bottleneck` learns how
fine the steps should be; `range_coder` turns the integers into bytes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FloatArray


def quantize(latents: FloatArray, gain: FloatArray) -> npt.NDArray[np.int32]:
    """Return round(gain · latents) as integers of the latents' shape (N, K); the steps are 1 / gain, shape (K,)."""
    return np.rint(latents * gain).astype(np.int32)


def dequantize(symbols: npt.NDArray[np.int32], gain: FloatArray) -> FloatArray:
    """Return symbols / gain, shape (N, K), in the dtype of the gains."""
    latents: FloatArray = symbols.astype(gain.dtype) / gain
    return latents


@dataclass(frozen=True)
class UniformQuantizer:
    """Each of K numbers in one byte: 256 equal steps over a range of its own.

    Attributes
    ----------
    minimum : array, shape (K,)
        The value of byte 0.
    step : array, shape (K,)
        Δ, the distance between the values of neighbouring bytes, at least 0.
    """

    minimum: FloatArray
    step: FloatArray

    @classmethod
    def from_codes(cls, codes: FloatArray) -> "UniformQuantizer":
        """Return the quantiser with the smallest ranges that hold these codes, shape (N, K) with N ≥ 1, all finite.

        Raises
        ------
        ValueError
            The codes have another shape, are empty, or are not all finite.
        """
        if codes.ndim != 2 or len(codes) == 0 or not np.isfinite(codes).all():
            raise ValueError(f"UniformQuantizer expects finite codes of shape (N, K), received shape {codes.shape}")
        return cls(codes.min(axis=0), np.ptp(codes, axis=0) / 255)

    def quantize(self, codes: FloatArray) -> npt.NDArray[np.uint8]:
        """Return round((codes − minimum) / Δ) as bytes, shape (N, K); numbers outside the range become its ends."""
        step = np.where(self.step > 0, self.step, 1)  # if all codes were equal, every byte is 0
        return np.clip(np.rint((codes - self.minimum) / step), 0, 255).astype(np.uint8)

    def dequantize(self, symbols: npt.NDArray[np.uint8]) -> FloatArray:
        """Return minimum + Δ · symbols, shape (N, K), in the dtype of the quantiser's codes."""
        return self.minimum + self.step * symbols.astype(self.step.dtype)
