"""Pictures to bytes without loss: contexts see the decoded neighbours, the mixing engine says how probable each decision is.

Read `neighbours`; `least_squares` and `pictures`, the model for any; `digits`, what was learned, by `demos.train_lossless`; last
`lossless_codec`, which binds them.
"""

from nnlite.codec.lossless.lossless_codec import LosslessCodec as LosslessCodec
