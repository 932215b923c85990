"""From images to bytes and back: quantiser, frequency tables, range coder, file format, and the codec that binds them.

Read `quantizer`, `frequency_tables`, `range_coder`, `mixing`, `context_tables`, `packed_mixers`, `frame` and `container`, which
know integers and bytes alone; then the rooms of the codecs, `digits`, `photographs` and `lossless`; last `any_codec`, which chooses
one, and `commands`, the command line, on `manual`, the programs' manuals.
"""
