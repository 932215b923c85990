"""Pictures of demos.lesson with one network, or one image on its way; each returns its numbers."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from demos.shared.lesson_plots import SIGNED, WIDTH
from demos.shared.plots import ZERO_TO_ONE, save
from nnlite import Callback, Dense, ReLU, Sequential, Tanh
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.codec.quantizer import quantize
from nnlite.losses import MeanSquaredError
from nnlite.optimizers import Adam

BLUE, RED = "tab:blue", "tab:red"  # values, gradients


def network(path: Path, sample: int = 1) -> dict[str, Any]:
    """Draw the network of docs/worked-example.md with one of its samples: values above, their gradients below."""
    x, t = np.array([[1, 0], [1, 1], [0, 2]], float), np.array([[1], [1], [0]], float)
    rng = np.random.default_rng()  # its weights are replaced below
    hidden, bend, output = Dense(2, 2, rng=rng, dtype=float), ReLU(), Dense(2, 1, rng=rng, dtype=float)
    hidden.weight.value = [[0.5, 0.5], [0.5, -0.25]]
    output.weight.value, output.bias.value = [[-1], [1]], [0.25]
    h = bend.forward(hidden.forward(x, training=True), training=True)
    y = output.forward(h, training=True)
    _, dy = MeanSquaredError().value_and_gradient(y, t)
    dy[np.arange(len(x)) != sample] = 0  # so the gradients are this sample's share
    dh = output.backward(dy).copy()
    dz = bend.backward(dh).copy()
    dx = hidden.backward(dz).copy()

    values: dict[str, tuple[float, float]] = {"y": (y[sample, 0], dy[sample, 0])}  # and gradients, of nodes and of edges
    for i in range(2):
        values |= {f"x{i}": (x[sample, i], dx[sample, i]), f"h{i}": (h[sample, i], dh[sample, i])}
        values[f"h{i} y"] = output.weight.value[i, 0], output.weight.gradient[i, 0]
        values |= {f"x{i} h{j}": (hidden.weight.value[i, j], hidden.weight.gradient[i, j]) for j in range(2)}

    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(-0.5, 6.5), ylim=(-1.15, 2.8), aspect="equal")
    axis.set_axis_off()
    places = {"x0": (0, 2), "x1": (0, 0), "h0": (3, 2), "h1": (3, 0), "y": (6, 1)}
    for name, (value, gradient) in values.items():
        start, _, end = name.partition(" ")
        column, row = places[start]
        if end:
            across, up = places[end][0] - column, places[end][1] - row
            arrow = {"arrowstyle": "->", "color": "0.6", "shrinkA": 26, "shrinkB": 27}
            axis.annotate("", places[end], places[start], arrowprops=arrow)
            part = 0.34 if start[0] == "x" else 0.5  # the middle is where edges cross
            at, slant = (column + part * across, row + part * up), np.degrees(np.arctan2(up, across))
            style = {"ha": "center", "rotation": slant, "rotation_mode": "anchor", "fontsize": 11}
            axis.text(*at, number(value), va="bottom", color=BLUE, **style)
            axis.text(*at, number(gradient), va="top", color=RED, **style)
        else:
            axis.add_patch(Circle(places[start], 0.46, facecolor="white", edgecolor="black", zorder=3))
            axis.text(column, row + 0.17, number(value), ha="center", va="center", color=BLUE, fontsize=12, zorder=4)
            axis.text(column, row - 0.19, number(gradient), ha="center", va="center", color=RED, fontsize=12, zorder=4)
            index = f"[{sample}]" if start == "y" else f"[{sample},{start[1]}]"
            axis.text(column, row + 0.56, start[0] + index, ha="center", fontsize=9)
    axis.text(6, 0.38, f"t = {t[sample, 0]:g}\nc = {output.bias.value[0]:g}", ha="center", va="top", fontsize=9)
    axis.text(-0.5, -0.8, "above, in blue: values", fontsize=9, color=BLUE)
    below = "below, in red: gradients ∂L/∂…; a weight's is the value where its edge begins × the gradient where it ends"
    axis.text(-0.5, -1.08, below, fontsize=9, color=RED)
    save(figure, path, f"Forward in blue, backward in red: sample {sample} in the network of the worked example")
    return {name: {"value": float(value), "gradient": float(gradient)} for name, (value, gradient) in values.items()}


def number(value: float) -> str:
    """Return a number with a minus sign for a hyphen."""
    return f"{value:g}".replace("-", "−")


def panel(axis: Axes, number: int, title: str, below: str) -> None:
    """Number a panel; write its title above it, and its shape and file below."""
    axis.set_title(f"{number}. {title}", fontsize=9)
    axis.set(xticks=[], yticks=[])
    axis.set_xlabel(below, fontsize=8)


def signed(axis: Axes, image: np.ndarray) -> None:
    """Draw one image in red and blue, on a scale of its own."""
    axis.imshow(image / max(np.abs(image).max(), 1e-12), **SIGNED)


def image_to_weight(path: Path, images: np.ndarray, index: int, model: Sequential) -> dict[str, Any]:
    """Draw the first training step of a model for one image of its batch: forward above, backward below."""
    shape, x = images.shape[1:], images.astype(np.float32) / 255
    dense = next(layer for layer in model.layers if isinstance(layer, Dense))
    optimizer, loss = Adam(), MeanSquaredError()
    optimizer.bind(model.parameters)
    y = model.forward(x, training=True)
    value, dy = loss.value_and_gradient(y, x)
    dy = dy.copy()
    code = model.encoder.predict(x[index : index + 1])[0]
    model.zero_gradients()
    model.backward(dy.copy(), need_dx=False)
    unit = int(np.argmax(code))  # show the weights of this one
    before, gradient = dense.weight.value[:, unit].copy(), dense.weight.gradient[:, unit].copy()
    optimizer.step()
    after = dense.weight.value[:, unit]

    figure = Figure(figsize=(WIDTH, 4.5), layout="constrained")
    axes = figure.subplots(2, 4)
    forward, backward = axes[0], axes[1][::-1]
    count, pixels = len(images), int(np.prod(shape))
    forward[0].imshow(images[index], cmap="gray", vmin=0, vmax=255)
    panel(
        forward[0], 1, f"uint8, {images[index].min()} to {images[index].max()}", f"one of a batch ({count}, {shape[0]}, {shape[1]})"
    )
    forward[1].imshow(x[index], **ZERO_TO_ONE)
    panel(forward[1], 2, f"float32, {x[index].min():g} to {x[index].max():g}", f"x ({count}, {pixels})\ntraining/batches.py")
    forward[2].bar(range(len(code)), code, color=["tab:orange" if k == unit else BLUE for k in range(len(code))])
    panel(forward[2], 3, "its code", f"h ({count}, {len(code)})\nlayers/dense.py")
    forward[3].imshow(y[index], **ZERO_TO_ONE)
    panel(forward[3], 4, "its reconstruction", f"y ({count}, {pixels})\nlayers/dense.py")
    signed(backward[0], dy[index])
    panel(backward[0], 5, f"loss {value:.3f}, and dy", f"∂L/∂y ({count}, {pixels})\nlosses.py")
    signed(backward[1], gradient.reshape(shape))
    panel(backward[1], 6, "gradient", f"∂L/∂W of one unit, of all {count}\nlayers/dense.py")
    signed(backward[2], (after - before).reshape(shape))
    panel(backward[2], 7, "step", f"−rate · m̂ / (√v̂ + ε), ±{np.abs(after - before).max():.4f}\noptimizers/optimizer.py")
    signed(backward[3], after.reshape(shape))
    panel(backward[3], 8, "changed weights", f"W of one unit, up to {np.abs(after).max():.2f}\nlayers/layer.py")
    save(figure, path, "From an image to a changed weight: forward to the right, backward to the left")
    return {"loss": value, "unit": unit, "largest_change": float(np.abs(after - before).max())}


def pixels_to_bytes(path: Path, image: np.ndarray, codec: ImageCodec, quality: int, bits: np.ndarray) -> dict[str, Any]:
    """Draw one image in each stage of the codec of digits; `bits` (K,) are the prices of its symbols."""
    latents = codec.encoder.predict(image[None])
    symbols = quantize(latents, codec.gain[quality])[0]
    file = codec.compress_latents(latents, quality)
    decoded = codec.decompress(file)[0]
    figure = Figure(figsize=(WIDTH, 4.3), layout="constrained")
    axes = figure.subplots(2, 3)
    axes[0, 0].imshow(image, cmap="gray", vmin=0, vmax=255)
    panel(axes[0, 0], 1, f"{image.size} pixels", f"uint8 {image.shape}")
    axes[0, 1].bar(range(latents.size), latents[0], color=BLUE)
    panel(axes[0, 1], 2, f"{latents.size} latents", "floats, from the encoder")
    axes[0, 2].bar(range(symbols.size), symbols, color="tab:purple")
    panel(axes[0, 2], 3, f"symbols, {number(symbols.min())} to {symbols.max()}", "whole numbers: round(gain · latent)")
    axes[1, 0].bar(range(bits.size), bits, color="tab:orange")
    panel(axes[1, 0], 4, f"price: {bits.sum():.0f} bits and the class's 8", "−log₂ of a symbol's frequency")
    text = file.hex(" ")
    lines = "\n".join(text[start : start + 24] for start in range(0, min(len(text), 24 * 8), 24))
    axes[1, 1].text(0.5, 0.5, lines, family="monospace", fontsize=8, ha="center", va="center")
    panel(axes[1, 1], 5, f"{len(file)} bytes", "header, class, range coder's bytes")
    axes[1, 2].imshow(decoded, cmap="gray", vmin=0, vmax=255)
    panel(axes[1, 2], 6, "decoded again", "tables, symbols / gain, decoder")
    save(figure, path, "From pixels to bytes, and back")
    return {"bytes": len(file), "symbols": symbols.tolist(), "bits": float(bits.sum())}


class Surfaces(Callback):
    """Notes after some epochs the output of a network of two inputs on a square, and where its hidden units change sign."""

    def __init__(self, epochs: list[int], side: np.ndarray):
        self.epochs, self.grid = epochs, np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)  # (S², 2)
        self.found: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Note the start."""
        self.on_epoch_end(model, 0, {})

    def on_epoch_end(self, model: Any, epoch: int, logs: dict[str, float]) -> None:
        """Note P(1) = σ(logit) and the hidden units' z on the grid, after one of the epochs."""
        if epoch in self.epochs:
            logits, hidden = model.predict(self.grid), model.layers[0].forward(self.grid)
            self.found[epoch] = 1 / (1 + np.exp(-logits[:, 0])), hidden


def xor(path: Path, seed: int) -> dict[str, Any]:
    """Draw how two hidden units learn "one or the other, not both"; a single unit cannot."""
    rng, epochs = np.random.default_rng(seed), [0, 20, 50, 100, 400]
    x, t = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float), np.array([[0], [1], [1], [0]], float)
    model = Sequential([Dense(2, 2, rng=rng, dtype=float), Tanh(), Dense(2, 1, rng=rng, dtype=float)])
    side = np.linspace(-0.5, 1.5, 101)
    surfaces = Surfaces(epochs, side)
    model.compile(Adam(0.05), "bce_logits")
    history = model.fit(x, t, epochs=epochs[-1], batch_size=4, shuffle=False, verbose=False, callbacks=[surfaces]).history
    figure = Figure(figsize=(WIDTH, 2.3), layout="constrained")
    axes = figure.subplots(1, len(epochs), sharey=True)
    for axis, (epoch, (probability, hidden)) in zip(axes, surfaces.found.items(), strict=True):
        grid = (side, side)
        drawn = axis.contourf(*grid, probability.reshape(101, 101), np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.8)
        for z, style in zip(hidden.T, ("--", ":"), strict=True):
            axis.contour(*grid, z.reshape(101, 101), [0], colors="black", linestyles=style, linewidths=1)
        axis.scatter(*x.T, c=t[:, 0], cmap="RdBu_r", edgecolors="black", s=45, zorder=3)
        axis.set(aspect="equal", xticks=[0, 1], yticks=[0, 1], xlabel="x[0]", title=f"epoch {epoch}" if epoch else "start")
    axes[0].set_ylabel("x[1]")
    figure.colorbar(drawn, ax=list(axes), label="P(1)", ticks=[0, 0.5, 1], shrink=0.8)
    save(figure, path, "XOR in a 2-2-1 network: each hidden unit draws a line, the output joins their sides")
    said = 1 / (1 + np.exp(-model.predict(x)[:, 0]))
    return {"epochs": epochs, "probabilities": said.tolist(), "loss": history["loss"][-1]}
