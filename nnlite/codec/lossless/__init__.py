"""Pictures to bytes without loss: contexts see the decoded neighbours, the mixing engine says how probable each decision is.

Read `contexts` and `residuals`; `drawings`, the simplest model; `least_squares` and `continuous_tone`, for photographs; `digits`,
what was learned, by `demos.train_lossless`; `planes` and `methods`; last `lossless_codec`, which binds them.
"""

from nnlite.codec.lossless.lossless_codec import LosslessCodec as LosslessCodec
