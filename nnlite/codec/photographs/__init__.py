"""Photographs to bytes, with loss: a lapped transform, coefficients whose probabilities are mixed, a network on the pixels.

Read `transform`; `contexts` and `coefficients`, on the engine of `nnlite.codec.mixing`; `pixel_network`; `model`, what was learned,
by `demos.train_photographs`; last `photograph_codec`, which binds them.
"""

from nnlite.codec.photographs.photograph_codec import PhotographCodec as PhotographCodec
