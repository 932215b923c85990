"""Make a page to play with: draw a digit in the browser, drag its code, watch its size, and walk between codes.

The page is one file, with the network inside: it needs no server, no library and no connection. The demo trains a small codec for
it, as demos.codec does, or takes the one of --codec.

files written to --out:
  playground.html    the page; open it in a browser
  codec.safetensors  the codec in it
  metrics.json       all numbers

examples:
  python -m demos.playground
  python -m demos.playground --codec out/playground/codec.safetensors
"""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from demos import codec as codec_demo
from demos.shared import command
from nnlite import Dense, Sequential, SiLU
from nnlite.codec.digits.class_prior import CLASSES
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.datasets import Dataset
from nnlite.files.errors import CodecError
from nnlite.files.whole_files import write_atomically

PARTS = Path(__file__).parent / "shared" / "playground"
MAX_BYTES = 1_500_000  # of the page


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    say, data = command.start(parser, options, needed=CLASSES)
    times: dict[str, float] = {}
    if options.codec:
        try:
            codec = ImageCodec.load(options.codec)
        except (CodecError, OSError) as error:
            parser.error(f"argument --codec: {error}")
    else:
        with command.training(parser, options) as times:
            codec = codec_demo.train(data.train_images, options, say)
    shape = data.test_images.shape[1:]
    page = make_page(codec, data) if codec.image_shape == shape else b""
    if codec.image_shape != shape or shape[0] != shape[1] or len(page) > MAX_BYTES:
        parser.error(
            f"argument --{'codec' if options.codec else 'hidden'}: expected a codec of the data's square images and a page of at "
            f"most {MAX_BYTES:,} bytes, received {codec.image_shape}, {shape} and {len(page):,}: fewer units make a smaller page"
        )
    write_atomically(options.out / "playground.html", page)
    codec.save(options.out / "codec.safetensors")
    metrics = {"page_bytes": len(page), "weights": sum(p.value.size for p in codec.encoder.parameters + codec.decoder.parameters)}
    say(f"the page has {len(page):,} bytes and {metrics['weights']:,} weights: open {options.out / 'playground.html'} in a browser")
    command.finish(options, metrics | times, "page, codec")
    return 0


def make_page(codec: ImageCodec, data: Dataset) -> bytes:
    """Return the page with the codec and two test images of each label inside."""
    page = (PARTS / "page.html").read_text(encoding="utf-8")
    parts = {"style": "style.css", "network": "network.js", "page": "page.js"}
    texts = {name: (PARTS / file).read_text(encoding="utf-8").rstrip() for name, file in parts.items()}
    for name, text in (texts | {"model": json.dumps(model(codec, data))}).items():
        page = page.replace("{{" + name + "}}", text)
    return page.encode()


def model(codec: ImageCodec, data: Dataset) -> dict:
    """Return the page's data; arrays as base64, a third more than their bytes."""
    tables = codec.prior.tables
    rows = zip(tables.frequencies, tables.sizes, strict=True)
    labels = np.unique(data.test_labels)
    shown = np.transpose([np.resize(np.flatnonzero(data.test_labels == label), 2) for label in labels])  # (2, labels)
    latents = codec.encoder.predict(data.test_images[:2000])
    return {
        "encoder": dense_layers(codec.encoder, "linear"),
        "decoder": dense_layers(codec.decoder, "sigmoid"),
        "gain": text(codec.gain),
        "centre": text(codec.prior.centre),
        "precision": text(codec.prior.precision),
        "table": text(codec.prior.table),
        "shift": text(codec.prior.shift),
        "minimum": text(tables.minimum),
        "start": text(np.cumsum([0, *tables.sizes], dtype=np.int32)),
        "frequency": text(np.concatenate([row[:size] for row, size in rows])),
        "reach": np.abs(latents).max(axis=0).round(3).tolist(),
        "digits": text(data.test_images[shown.reshape(-1)]),
        "labels": labels.tolist(),
        "side": codec.image_shape[0],
    }


def dense_layers(network: Sequential, last: str) -> list[dict[str, str]]:
    """Return the Dense layers of a codec's network as float16, each with its activation: SiLU, and `last` at the end."""
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    assert sum(isinstance(layer, SiLU) for layer in network.layers) == len(dense) - 1
    return [
        {
            "weight": text(layer.weight.value.astype(np.float16)),
            "bias": text(layer.bias.value.astype(np.float16)),
            "activation": last if layer is dense[-1] else "silu",
        }
        for layer in dense
    ]


def text(array: np.ndarray) -> str:
    """Return an array's bytes, the lowest of each number first, as base64."""
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser("playground", __doc__)
    parser.add_argument("--codec", type=Path, metavar="FILE", help="take this codec; train none")
    parser.option("--hidden", command.whole_number(1), 192, "H", "units of each hidden layer")
    parser.add_options(latent=16, epochs=10, learning_rate=0.003)
    parser.add_common()
    return parser


if __name__ == "__main__":
    command.run(main)
