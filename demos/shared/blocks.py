"""Images in a terminal, drawn with half blocks: each character is two pixels, one above the other."""

import numpy as np

BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def block_characters(images: np.ndarray, threshold: float = 0.35) -> str:
    """Return images (N, height, width), values in [0, 1], side by side as text, at half their size."""
    count, height, width = images.shape
    height, width = height // 4 * 4, width // 2 * 2
    halved = images[:, :height, :width].reshape(count, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    bright = halved > threshold
    lines = []
    for upper, lower in zip(bright[:, ::2].swapaxes(0, 1), bright[:, 1::2].swapaxes(0, 1), strict=True):  # (N, width) each
        rows = ["".join(BLOCKS[bool(a), bool(b)] for a, b in zip(*pair, strict=True)) for pair in zip(upper, lower, strict=True)]
        lines.append("  ".join(rows).rstrip())
    return "\n".join(lines)
