"""The page to play with: it holds all it needs, computes what NumPy computes, and works by keyboard, narrow and in the dark."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from tiny_codec import blobs, tiny_codec
from tiny_data import one_line, run_demo, write_data

from demos import playground
from nnlite import Flatten, Reshape, Sequential, Sigmoid, dense_network
from nnlite.codec.digits import class_prior
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.codec.quantizer import dequantize, quantize
from nnlite.datasets import Dataset, load_mnist

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--virtual-time-budget=10000", "--dump-dom",
]  # fmt: skip
in_browser = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")


def browse(page, script, folder, *flags):
    """Open a page in the browser, run a script at its end, and return what it gives as JSON."""
    script = f"<script>{{ const answer = (() => {{ {script} }})(); document.body.innerText = JSON.stringify(answer); }}</script>"
    (folder / "page.html").write_bytes(page.replace(b"</body>", script.encode() + b"</body>"))
    command = [BROWSER, *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", (folder / "page.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return json.loads(re.search(r"<body>(.*)</body>", done.stdout, re.DOTALL)[1])


def blob_data():
    images = blobs(100, 2)
    return Dataset(images, np.arange(100) % 10, images, np.arange(100) % 10)


# --- what the page holds


def test_the_page_is_one_file_that_asks_for_nothing_else():
    page = playground.make_page(tiny_codec(), blob_data()).decode()
    assert "{{" not in page
    assert re.findall(r"https?:|<link|<img|src=|@import|fetch\(|XMLHttp|url\(", page) == []


def test_the_page_of_the_default_codec_is_small():
    options = playground.make_parser().parse_args([])
    rng, k, h = np.random.default_rng(0), options.latent, options.hidden
    encoder = Sequential([Flatten(), *dense_network([784, h, h, k], rng)], (28, 28))
    decoder = Sequential([*dense_network([k, h, h, 784], rng), Sigmoid(), Reshape((28, 28))], (k,))
    shape, of_classes = (16, class_prior.CLASSES, k), np.ones((class_prior.CLASSES, k), np.float32)
    tables, _, _ = class_prior._bank()
    prior = class_prior.ClassPrior(tables, np.zeros(shape, np.uint8), np.zeros(shape, np.int16), of_classes, of_classes)
    page = playground.make_page(ImageCodec(encoder, decoder, np.ones((16, k), np.float32), prior), load_mnist())
    assert len(page) <= playground.MAX_BYTES == 1_500_000


def test_the_forward_pass_is_some_eighty_lines():
    lines = (playground.PARTS / "network.js").read_text(encoding="utf-8").splitlines()
    code = [line for line in lines if line.strip() and not line.strip().startswith("//")]
    assert len(code) <= 85 and max(map(len, lines)) <= 132


def test_a_codec_that_was_trained_before_can_be_taken(tmp_path):
    data = write_data(tmp_path / "data", blobs(300, 1), blobs(50, 2))
    tiny_codec().save(tmp_path / "codec")
    assert run_demo(playground, "--codec", tmp_path / "codec", "--data", data, "--out", tmp_path / "out", "--quiet") == 0
    assert (tmp_path / "out/codec.safetensors").read_bytes() == (tmp_path / "codec").read_bytes()
    assert (tmp_path / "out/playground.html").exists()


@pytest.mark.parametrize("codec", ["nowhere", "of other images"])
def test_a_codec_that_cannot_be_taken_is_one_line_and_exit_code_2(codec, tmp_path, capsys):
    data = write_data(tmp_path / "data", blobs(300, 1, side=12), blobs(50, 2, side=12))
    tiny_codec().save(tmp_path / "of other images")
    assert run_demo(playground, "--codec", tmp_path / codec, "--data", data, "--out", tmp_path / "out", "--quiet") == 2
    err = capsys.readouterr().err
    assert one_line(err) and "argument --codec" in err


# --- what it computes

COMPUTE = """
    const images = Array.from({ length: 10 }, (_, n) => digit(n));
    const codes = images.map((image) => forward(encoder, image));
    const symbols = codes.map((code) => quantise(code, QUALITY));
    return {
      codes: codes.map((code) => [...code]),
      symbols: symbols.map((row) => [...row]),
      pixels: symbols.map((row) => [...forward(decoder, dequantise(row, QUALITY))]),
      classes: codes.map(chooseClass),
      bits: symbols.map((row, n) => countBits(row, chooseClass(codes[n]), QUALITY)),
      escaped: countBits(symbols[0].map((symbol) => symbol + 1000), 7, QUALITY),
    };
"""


@pytest.fixture(scope="module", params=["mnist", "tiny"])
def computed(request, tmp_path_factory):
    """A codec, images, a quality, and what the browser makes of them."""
    codec, data = (ImageCodec.load(), load_mnist()) if request.param == "mnist" else (tiny_codec(), blob_data())
    quality = codec.qualities // 2
    images = np.array([data.test_images[data.test_labels == label][0] for label in range(10)])
    page = playground.make_page(codec, data)
    folder = tmp_path_factory.mktemp("browser")
    return codec, images, quality, browse(page, COMPUTE.replace("QUALITY", str(quality)), folder)


@in_browser
def test_codes_and_pixels_are_those_of_numpy(computed):
    codec, images, quality, page = computed
    codes = codec.encoder.predict(images)
    np.testing.assert_allclose(page["codes"], codes, rtol=0, atol=1e-5 * np.abs(codes).max())
    assert np.array_equal(page["symbols"], quantize(codes, codec.gain[quality]))
    pixels = codec.decoder.predict(dequantize(np.array(page["symbols"], np.int32), codec.gain[quality]))
    np.testing.assert_allclose(page["pixels"], pixels.reshape(10, -1), rtol=0, atol=1e-5)


@in_browser
def test_the_size_is_that_of_the_codec(computed):
    codec, images, quality, page = computed
    codes = codec.encoder.predict(images)
    classes, symbols = codec.prior.choose(codes), quantize(codes, codec.gain[quality])
    assert page["classes"] == classes.tolist()
    for n in range(10):
        part = slice(n, n + 1)
        assert page["bits"][n] == pytest.approx(codec.prior.cross_entropy(symbols[part], classes[part], quality))
        file = len(codec.compress(images[part], quality)) - 11  # but for its header
        assert file - 1 <= np.ceil(page["bits"][n] / 8) <= file + 1
    escaped = codec.prior.cross_entropy(symbols[:1] + 1000, np.array([7], np.uint8), quality)
    assert page["escaped"] == pytest.approx(escaped)


# --- what one does

PLAY = """
    const seen = {};
    const text = (name) => document.getElementById(name).textContent;
    const press = (name, key, times = 1) => {
      for (let i = 0; i < times; i++) $(name).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    };
    const set = (input, value) => { input.value = value; input.dispatchEvent(new Event("input")); };
    const bytesShown = () => Number(text("quality-text").match(/: (\\d+) bytes/)[1]);
    seen.bars = document.querySelectorAll("#code input").length;
    seen.sizes = [0, 1, 2].map((quality) => { set($("quality"), quality); return bytesShown(); });
    $("clear").click();
    seen.empty = Math.max(...image);
    $("paper").dispatchEvent(new PointerEvent("pointermove", { buttons: 1, clientX: 40, clientY: 200, bubbles: true }));
    seen.draggedIn = Math.max(...image);
    press("paper", "ArrowRight", 3);
    seen.penUp = Math.max(...image);
    press("paper", " ");
    press("paper", "ArrowRight", 6);
    seen.drawn = Math.max(...image);
    const own = [...code];
    press("paper", "ArrowDown", 6);
    seen.codeMoved = own.some((number, k) => number !== code[k]);
    const drawn = [...code];
    const bar = document.querySelector("#code input");
    bar.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", cancelable: true }));
    seen.dragged = code[0] - drawn[0];
    seen.reach = MODEL.reach[0];
    $("reset").click();
    seen.back = Math.abs(code[0] - drawn[0]);
    press("plane", "ArrowLeft", 30);
    press("plane", "ArrowUp", 4);
    seen.point = { ...point };
    const before = mix(0, 0)[0];
    document.querySelector(".corner").click();
    seen.corner = mix(0, 0)[0] !== before;
    seen.focusable = [...document.querySelectorAll("button, input, canvas[tabindex]")].every((part) => part.tabIndex >= 0);
    seen.named = [...document.querySelectorAll("button, input, canvas[role]")].every(
      (part) => part.textContent || part.ariaLabel || part.labels?.length);
    seen.scheme = getComputedStyle(document.documentElement).colorScheme;
    seen.accent = getComputedStyle($("quality")).accentColor;
    const frame = document.createElement("iframe");
    frame.style.width = "360px";
    document.body.append(frame);
    const parts = ["style", "h1", "main"].map((name) => document.querySelector(name).outerHTML);
    frame.contentDocument.write(parts.join(""));
    seen.narrow = frame.contentDocument.documentElement.scrollWidth - frame.clientWidth;
    return seen;
"""


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    page = playground.make_page(tiny_codec(), blob_data())
    return browse(page, PLAY, tmp_path_factory.mktemp("browser"), "--blink-settings=preferredColorScheme=0")


@in_browser
def test_better_quality_takes_more_bytes(played):
    assert played["sizes"][0] < played["sizes"][1] <= played["sizes"][2]


@in_browser
def test_one_can_draw_by_keyboard(played):
    assert (played["empty"], played["penUp"]) == (0, 0) and played["drawn"] > 0.2 and played["codeMoved"]


@in_browser
def test_a_drag_that_began_beside_the_paper_draws_nothing(played):
    assert played["draggedIn"] == 0


@in_browser
def test_a_bar_moves_its_number_and_the_drawing_gives_it_back(played):
    assert played["bars"] == 6
    assert played["dragged"] == pytest.approx(played["reach"] / 10, rel=0.1) and played["back"] < 1e-9


@in_browser
def test_one_can_walk_by_keyboard_and_change_the_corners(played):
    assert played["point"] == pytest.approx({"x": 0, "y": 0.3}) and played["corner"]


@in_browser
def test_all_that_one_uses_can_be_reached_and_has_a_name(played):
    assert played["focusable"] and played["named"]


@in_browser
def test_it_fits_a_phone_and_has_a_dark_side(played):
    assert played["narrow"] <= 0
    assert played["scheme"] == "light dark" and played["accent"] == "rgb(127, 176, 255)"
