"""The checks of the ten tasks. A check takes the student's module; if something is wrong, it fails with a sentence."""

from collections.abc import Callable
from types import ModuleType

import numba
import numpy as np

from nnlite import Dense, LearningRateSchedule, Parameter, Sequential, Tanh, gradcheck, gradcheck_loss
from nnlite.codec import mixing
from nnlite.datasets import load_mnist

CHECKS: dict[str, Callable[[ModuleType], str]] = {}  # in the order of the tasks; each returns the lesson of its task


def check(function: Callable[[ModuleType], str]) -> Callable[[ModuleType], str]:
    """Add a check under its function's name: the name of the task."""
    CHECKS[function.__name__] = function
    return function


def expect(what: str, received: object, expected: object, hint: str = "") -> None:
    """Fail with a sentence unless numbers are close to those expected."""
    received, expected = np.asarray(received), np.asarray(expected, float)
    way = f": {hint}" if hint else ""
    if received.shape == expected.shape and received.dtype.kind in "fiub":
        right = np.isclose(received, expected, rtol=1e-5, atol=1e-7)
        if right.all():
            return
        if right.size > 8:  # one number says more than all of them
            index = np.unravel_index(np.argmin(right), right.shape)
            what, received, expected = f"{what}[{', '.join(map(str, index))}]", received[index], expected[index]
    raise AssertionError(f"{what} should be {listed(expected)}, received {listed(received)}{way}")


def listed(array: np.ndarray) -> str:
    """Return an array as text: its numbers, or if they are many its type and shape."""
    if array.size > 8:
        return f"{array.dtype} of shape {array.shape}"
    return str((array.round(4) if array.dtype.kind in "fiub" else array).tolist())


@check
def softsign(task: ModuleType) -> str:
    """y = x / (1 + |x|)."""
    layer = task.Softsign()
    y = layer.forward(np.array([[-3.0, 0, 1]]))
    expect("softsign of [-3, 0, 1]", y, [[-0.75, 0, 0.5]], "write x / (1 + |x|) into y[...]")
    gradcheck(layer, np.random.default_rng(0).standard_normal((4, 5)), rng=np.random.default_rng(1))
    return "it is a layer of nnlite now, as in Sequential([Dense(...), Softsign()])"


@check
def dropout(task: ModuleType) -> str:
    """The mean stays."""
    layer, x = task.Dropout(0.75, rng=np.random.default_rng(0)), np.ones((400, 400))
    y = layer.forward(x, training=True)
    share = np.mean(y != 0)
    assert abs(share - 0.25) < 0.01, f"with the rate 0.75 a quarter of the numbers should be kept, received {share:.2f}"
    assert abs(y.mean() - 1) < 0.02, (
        f"the mean of y where x is 1 should be about 1, received {y.mean():.2f}: the kept numbers stand for the dropped ones, too"
    )
    expect("dx where dy is 1", layer.backward(x), y, "the mask is the same in both directions")
    return "that is why nothing is scaled when the network is used"


@check
def he(task: ModuleType) -> str:
    """The size of a signal stays through thirty layers."""
    rng = np.random.default_rng(0)
    w = task.he((300, 200), rng, np.float32)
    assert isinstance(w, np.ndarray) and (w.shape, w.dtype) == ((300, 200), np.float32), (
        f"he should return float32 of shape (300, 200), received {listed(np.asarray(w))}: end with .astype(dtype)"
    )
    x = start = rng.standard_normal((100, 256))
    for _ in range(30):
        x = np.maximum(x @ task.he((256, 256), rng, np.float64), 0)
    size = np.sqrt(np.mean(x**2) / np.mean(np.maximum(start, 0) ** 2))
    assert 0.3 < size < 3, f"after 30 layers a signal should be about as large as before, received {size:.1e} times its size"
    assert abs(w.std() * np.sqrt(300 / 2) - 1) < 0.05, (
        f"for fan_in = 300 the deviation should be √(2 / 300), received {w.std():.3f}"
    )
    return "with Glorot's weights the same signal would be 30,000 times smaller"


@check
def momentum(task: ModuleType) -> str:
    """The first three steps by hand."""
    parameter = Parameter("w", np.array([1.0]))
    optimizer = task.Momentum(learning_rate=0.1, momentum=0.9)
    optimizer.bind([parameter])
    parameter.gradient[...] = 1
    steps = [
        (0.9, "the first step is η g, and changes w in place"),
        (0.71, "u is now 0.9 · 1 + 1, if it was kept in place"),
        (0.439, "u is 0.9 · 1.9 + 1"),
    ]
    for number, (expected, hint) in enumerate(steps, 1):
        optimizer.step()
        expect(f"w = 1 after step {number} with g = 1, η = 0.1 and μ = 0.9", parameter.value[0], expected, hint)
    return "where all gradients agree, the steps become 1 / (1 − μ) = ten times as long"


@check
def warm_up(task: ModuleType) -> str:
    """Up a line, down half a cosine."""
    factor = task.warm_up(share=0.2, start=0.1)
    for p, expected, hint in [
        (0, 0.1, "it begins at start"),
        (0.1, 0.55, "half way up the line from 0.1 to 1"),
        (0.2, 1, "q is 0 there"),
        (0.6, 0.5, "q is 1/2 there: how far is p on its way from share to 1?"),
        (1, 0, "q is 1 there"),
    ]:
        expect(f"the factor at p = {p}", factor(p), expected, hint)
    LearningRateSchedule(factor)
    return "LearningRateSchedule(warm_up()) is a callback that fit takes"


@check
def huber(task: ModuleType) -> str:
    """The gradient of h."""
    loss = task.Huber(delta=2.0)
    _, gradient = loss.value_and_gradient(np.array([[1.0, 5.0], [-1.0, -5.0]]), np.zeros((2, 2)))
    hint = "the slope of h is r below δ = 2 and δ beyond, L is a mean, and `gradient` is changed in place"
    expect("the gradient for r = 1 and r = 5", gradient[0], [1 / 4, 2 / 4], hint)
    expect("the gradient for r = −1 and r = −5", gradient[1], [-1 / 4, -2 / 4], "the slope has the sign of r")
    rng = np.random.default_rng(0)
    gradcheck_loss(loss, 4 * rng.standard_normal((3, 4)), rng.standard_normal((3, 4)), rng=rng)
    return "the gradient is r clipped to [−δ, δ]: an outlier pulls no harder than δ"


@check
def tied(task: ModuleType) -> str:
    """Three gradients, one of them a sum."""
    rng = np.random.default_rng(0)
    gradcheck(task.Tied(Dense(5, 3, rng=rng)), rng.standard_normal((4, 3)), rng=rng)
    dense = Dense(5, 3, rng=rng)
    dense.weight.gradient[...] = 1  # of another use
    layer = task.Tied(dense)
    layer.forward(np.ones((4, 3), np.float32), training=True)
    layer.backward(np.zeros((4, 5), np.float32))
    expect("the gradient of W, 1 before a use with dy = 0,", dense.weight.gradient.mean(), 1, "add to what is there")
    gradcheck(Sequential([dense, Tanh(), task.Tied(dense)]), rng.standard_normal((4, 5)), rng=rng)
    return "half the weights, and often a better autoencoder for it"


@check
def batch_norm(task: ModuleType) -> str:
    """All parts of dx."""
    rng = np.random.default_rng(0)
    x, layer = rng.standard_normal((6, 3)), task.MyBatchNormalization(3, epsilon=1e-12, dtype=np.float64)
    x_hat = layer.forward(x, training=True).copy()
    dx = layer.backward(rng.standard_normal((6, 3)))
    assert np.shape(dx) == (6, 3), f"dx should have the shape of x, (6, 3), received {np.shape(dx)}"
    expect(
        "the mean of dx over the samples",
        np.mean(dx, axis=0),
        [0] * 3,
        "moving all samples alike changes nothing: subtract mean(dy)",
    )
    expect("the mean of dx · x̂", np.mean(dx * x_hat, axis=0), [0] * 3, "stretching all changes nothing: subtract x̂ · mean(dy · x̂)")
    layer = task.MyBatchNormalization(3, dtype=np.float64)
    layer.scale.value = np.array([0.5, 2, 3])
    gradcheck(layer, x, rng=rng)
    return "the two terms that one forgets are two directions in which nothing changes"


class Counted(np.ndarray):
    """An array that counts how many of its numbers are read."""

    def __array_finalize__(self, array):
        self.reads = 0

    def __getitem__(self, index):
        part = np.asarray(self)[index]
        self.reads += np.size(part)
        return part


@check
def tile(task: ModuleType) -> str:
    """The right product, with few loads."""
    rng = np.random.default_rng(0)
    a, b, c = (rng.standard_normal(shape).view(Counted) for shape in ((8, 5), (5, 12), (8, 12)))
    task.product(a, b, c)
    loads = (a.reads + b.reads) / (8 * 5 * 12)
    expect(
        "c[0, 0]", np.asarray(c)[0, 0], np.asarray(a)[0] @ np.asarray(b)[:, 0], "add a[top + i, k] · b[k, left + j] to sums[i][j]"
    )
    expect(
        "c",
        np.asarray(c),
        np.asarray(a) @ np.asarray(b),
        "the first number is right: is every tile taken from its own rows and columns?",
    )
    assert loads <= 0.6, (
        f"expected at most 0.6 loads a multiplication, received {loads:.2f}: load each number once for each k, before the loops"
    )
    return f"{loads:.2f} loads a multiplication, where plain loops make 2; nnlite's own tile makes (6 + 16) / (6 · 16) = 0.23"


@check
def context(task: ModuleType) -> str:
    """Fewer bytes a digit."""
    assert not numba.config.DISABLE_JIT, "the mixer's integers need the compiler: unset NUMBA_DISABLE_JIT"
    images = load_mnist().test_images[:20] > 127
    size = len(code(images, task.contexts)) / len(images)
    assert size < 17, f"expected fewer than 17 bytes a digit, received {size:.1f}: ask for more neighbours, some of them together"
    return f"{size:.1f} bytes a digit, without loss"


def code(images: np.ndarray, contexts: Callable[[np.ndarray, int, int], tuple[int, ...]]) -> bytes:
    """Return the bytes of black and white images (N, H, W), each pixel coded by the mixer with these contexts."""
    coder = mixing.encoder(images.size)
    mixer = mixing.fresh_mixer(6 * 4096, 1, weight=0.4, rate=24, limit=255)
    desk = mixing.desk(0, 1)
    for image in images:
        known = np.zeros(np.add(image.shape, 6), np.int64)  # what the decoder has seen, and a margin
        for row, column in np.ndindex(image.shape):
            received = contexts(known, row + 3, column + 3)
            numbers = [int(number) for number in received] if isinstance(received, tuple) else [-1]
            assert len(numbers) <= 6 and all(0 <= number < 4096 for number in numbers), (
                f"expected a tuple of up to six numbers from 0 to 4095, received {listed(np.asarray(received))}"
            )
            slots = np.array(numbers, np.uint32) + np.arange(len(numbers), dtype=np.uint32) * 4096
            known[row + 3, column + 3] = mixing.mixed_bit(coder, int(image[row, column]), mixer, desk._replace(slots=slots))
    return mixing.finish(coder)
