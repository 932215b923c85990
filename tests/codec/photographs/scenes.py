"""Pictures that look a little like photographs, made from formulas and seeds."""

import numpy as np


def scene(height, width, seed=0):
    """Return a picture (height, width, 3), uint8: a shaded ground, discs with soft and hard edges, a little grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    ground = 90 + 60 * np.sin(x / 40 + seed) + 40 * np.cos(y / 25)
    picture = ground[..., None] * np.array([1.0, 0.9, 0.7])
    for _ in range(12):
        row, column, radius, softness = rng.uniform([0, 0, 2, 0.3], [height, width, 20, 4])
        inside = 1 / (1 + np.exp((np.hypot(y - row, x - column) - radius) / softness))
        picture += inside[..., None] * (rng.uniform(0, 255, 3) - picture)
    return np.clip(np.rint(picture + rng.normal(0, 2, (height, width, 1))), 0, 255).astype(np.uint8)
