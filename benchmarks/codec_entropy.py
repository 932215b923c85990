"""nnlite's range coder beside that of the package constriction: the same symbols, the same tables."""

import importlib.util
from collections.abc import Callable

import numpy as np

from benchmarks.kernels import seconds_a_call
from nnlite.codec import range_coder as entropy
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.codec.frequency_tables import TOTAL
from nnlite.codec.quantizer import quantize


def measure(codec: ImageCodec, images: np.ndarray) -> dict:
    """Return the speed each way, and the bytes above the tables' cross-entropy, for images at the middle quality."""
    quality = codec.qualities // 2
    latents = codec.encoder.predict(images)
    classes = codec.prior.choose(latents)
    symbols = quantize(latents, codec.gain[quality]) - codec.prior.shift[quality, classes]
    symbols, rows = symbols.reshape(-1), codec.prior.table[quality, classes].reshape(-1).astype(np.int32)
    tables = codec.prior.tables
    least = tables.cross_entropy(symbols, rows) / 8
    report = {"symbols": symbols.size, "quality": quality, "cross_entropy_bytes": least, "coders": []}
    data = entropy.encode(symbols, rows, tables)
    if not np.array_equal(entropy.decode(data, rows, tables), symbols):
        raise RuntimeError("the range coder does not return its symbols")
    own = (lambda: entropy.encode(symbols, rows, tables)), (lambda: entropy.decode(data, rows, tables))
    report["coders"].append(_row("nnlite", *own, symbols.size, len(data), least))
    if importlib.util.find_spec("constriction"):
        report["coders"].append(_constriction(symbols, rows, tables))
    else:
        report["coders"].append({"name": "constriction", "skipped": "not installed: pip install constriction"})
    return report


def _constriction(symbols, rows, tables) -> dict:
    """Return constriction's row. It takes one table at a time, so sort the symbols by table before the clock starts."""
    import constriction

    categorical, queue = constriction.stream.model.Categorical, constriction.stream.queue

    entries = symbols - tables.minimum[rows]
    escape = tables.sizes[rows] - 1
    inside = (entries >= 0) & (entries < escape)  # it has no escapes, so leave out escaped symbols
    used = np.unique(rows[inside])
    parts = [entries[inside & (rows == t)].astype(np.int32) for t in used]
    models = [categorical(tables.frequencies[t, : tables.sizes[t]].astype(np.float64) / TOTAL, perfect=False) for t in used]
    least = (
        sum(tables.cross_entropy(part + tables.minimum[t], np.full(part.size, t)) for t, part in zip(used, parts, strict=True)) / 8
    )

    def encode():
        coder = queue.RangeEncoder()
        for part, model in zip(parts, models, strict=True):
            coder.encode(part, model)
        return coder.get_compressed()

    def decode():
        coder = queue.RangeDecoder(data)
        return [coder.decode(model, part.size) for part, model in zip(parts, models, strict=True)]

    data = encode()
    if not all(map(np.array_equal, decode(), parts)):
        raise RuntimeError("constriction does not return its symbols")
    return _row("constriction", encode, decode, int(inside.sum()), data.nbytes, least)


def _row(name: str, encode: Callable, decode: Callable, symbols: int, size: int, least: float) -> dict:
    return {
        "name": name,
        "bytes": size,
        "bytes_above_cross_entropy": size - least,
        "share_above_cross_entropy": size / least - 1,
        "encode_symbols_per_second": symbols / seconds_a_call(encode),
        "decode_symbols_per_second": symbols / seconds_a_call(decode),
    }
