"""What a user hands to a public function and it cannot take, it answers with a sentence of our own."""

import numpy as np
import pytest

import nnlite
from nnlite import layers, losses, optimizers, training
from nnlite.codec.digits.bottleneck import EntropyBottleneck
from nnlite.datasets import one_hot
from nnlite.layers import ACTIVATIONS

RNG = np.random.default_rng(0)
X = RNG.random((3, 4)).astype(np.float32)

# Each constructor with arguments that it takes; each of them is replaced by each of the wrong ones.
NUMBERS = {
    layers.Dense: {"in_features": 4, "out_features": 2},
    layers.Dropout: {"rate": 0.5},
    layers.GaussianNoise: {"deviation": 0.5},
    layers.GaussianSample: {"kl_price": 0.5},
    layers.MixtureSample: {"code": 2, "components": 2, "kl_price": 0.5},
    layers.BatchNormalization: {"features": 4, "momentum": 0.1, "epsilon": 1e-5},
    layers.ActivityPenalty: {"l1": 0.5},
    layers.SparsityPenalty: {"target": 0.5, "weight": 0.5},
    layers.LeakyReLU: {"slope": 0.5},
    layers.ELU: {"alpha": 0.5},
    losses.Huber: {"delta": 0.5},
    optimizers.SGD: {"learning_rate": 0.5, "momentum": 0.5},
    optimizers.Adam: {"learning_rate": 0.5, "beta1": 0.5, "beta2": 0.5, "epsilon": 0.5},
    optimizers.AdamW: {"learning_rate": 0.5, "weight_decay": 0.5},
    optimizers.RMSProp: {"learning_rate": 0.5, "decay": 0.5, "epsilon": 0.5},
    training.RandomShift: {"pixels": 1},
    training.EarlyStopping: {"patience": 1, "min_delta": 0.5},
    training.ReduceOnPlateau: {"factor": 0.5, "patience": 1, "minimum": 0.5},
    training.MomentumSchedule: {"maximum": 0.5},
    training.cosine: {"warm_up": 0.5, "start": 0.5, "end": 0.5},
    training.exponential_decay: {"end": 0.5},
    training.one_cycle: {"summit": 0.25, "start": 0.5, "end": 0.5},
    training.step_decay: {"factor": 0.5},
}
DRAW = {layers.Dense, layers.Dropout, layers.GaussianNoise, layers.GaussianSample, layers.MixtureSample}


@pytest.mark.parametrize(("make", "name"), [(make, name) for make, names in NUMBERS.items() for name in names])
@pytest.mark.parametrize("wrong", ["0.5", [0.5], np.array([0.5, 0.5]), {}, True, 1j, "None", np.nan, np.inf], ids=repr)
def test_what_is_no_finite_number_is_refused_by_name_and_value(make, name, wrong):
    further = {"rng": RNG} if make in DRAW else {}
    make(**NUMBERS[make], **further)
    with pytest.raises(ValueError, match=r"(expects|needs) .*received") as refusal:
        make(**{**NUMBERS[make], name: wrong}, **further)
    assert repr(wrong) in str(refusal.value)


@pytest.mark.parametrize("make", DRAW, ids=lambda make: make.__name__)
@pytest.mark.parametrize("wrong", [0, None, np.random, np.random.RandomState(0), "rng"], ids=["0", "None", "module", "old", "text"])
def test_what_draws_nothing_is_no_generator(make, wrong):
    with pytest.raises(ValueError, match=rf"{make.__name__} expects rng=np\.random\.default_rng\(seed\), received"):
        make(**NUMBERS[make], rng=wrong)


LAYERS = {
    "Dense": lambda: layers.Dense(4, 4, rng=RNG),
    "TiedDense": lambda: layers.TiedDense(layers.Dense(4, 4, rng=RNG)),
    "Dense and ReLU": lambda: nnlite.Sequential([layers.Dense(4, 4, rng=RNG), layers.ReLU()]),
    "BatchNormalization": lambda: layers.BatchNormalization(4),
    "Rescale": layers.Rescale,
    "Dropout": lambda: layers.Dropout(0.5, rng=RNG),
    "GaussianNoise": lambda: layers.GaussianNoise(0.5, rng=RNG),
    "WeightPenalty": lambda: layers.WeightPenalty([]),
    "ActivityPenalty": lambda: layers.ActivityPenalty(0.5),
    "SparsityPenalty": lambda: layers.SparsityPenalty(0.5, 0.5),
    "GaussianSample": lambda: layers.GaussianSample(0.5, rng=RNG),
    "MixtureSample": lambda: layers.MixtureSample(2, 2, 0.5, rng=RNG),
    "Flatten": layers.Flatten,
    "Reshape": lambda: layers.Reshape((2, 2)),
    "EntropyBottleneck": lambda: EntropyBottleneck(4, [0.1], rng=RNG),
    **ACTIVATIONS,
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("run", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize(
    "wrong",
    ["abc", X.tolist(), None, np.float32(1), *map(X.astype, (np.int64, object, complex, str, np.float16, np.longdouble, ">f4"))],
    ids=str,
)
def test_a_layer_takes_arrays_of_float32_and_float64_only(name, run, wrong):
    with pytest.raises(ValueError, match=r"expect\w* .*received"):
        LAYERS[name]().forward(wrong, training=run)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_takes_a_gradient_of_any_arrangement_in_memory(name):
    results = []
    for arrange in (np.array, read_only, np.asfortranarray, lambda dy: np.repeat(dy, 2, axis=0)[::2]):
        layer = LAYERS[name]()
        for parameter in layer.parameters:
            parameter.value[...] = 0.25
        for rng in layer.rngs():
            rng.bit_generator.state = np.random.default_rng(1).bit_generator.state
        y = layer.forward(read_only(X), training=True)
        layer.zero_gradients()
        dx = layer.backward(arrange(np.linspace(0, 1, y.size, dtype=np.float32).reshape(y.shape)))
        results.append([dx.copy(), *(parameter.gradient.copy() for parameter in layer.parameters)])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def read_only(array):
    array = np.array(array)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("wrong", ["abc", None, 1.0, X.tolist(), X.astype(np.float64), X.astype(np.float16), X[:2], X[0]], ids=str)
def test_a_layer_takes_a_gradient_like_its_output_only(name, wrong):
    layer = LAYERS[name]()
    layer.forward(X, training=True)
    with pytest.raises(ValueError, match=r"\.backward expects dy of the output's shape \(3, .*\) and dtype float32, received"):
        layer.backward(wrong)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nnlite.Sequential(layers.ReLU()), "Sequential expects a list of layers, received"),
        (lambda: nnlite.Sequential(None), "Sequential expects a list of layers, received None"),
        (lambda: nnlite.Sequential([layers.ReLU]), r"Sequential expects layers, received .* at position 0: write ReLU\(\.\.\.\)"),
        (lambda: nnlite.Sequential([], input_shape=784), "input_shape to be a tuple such as (784,), received 784"),
        (lambda: nnlite.Sequential([], input_shape="784"), "input_shape to be a tuple such as (784,), received '784'"),
        (lambda: nnlite.Sequential([], input_shape=(size for size in (4, 4))), "input_shape to be a tuple .*, received <generator"),
        (lambda: nnlite.Sequential([], input_shape={4, 5}), r"input_shape to be a tuple such as \(784,\), received {4, 5}"),
        (lambda: nnlite.Sequential([], input_shape=(-1, 4)), r"input_shape to be a tuple such as \(784,\), received \(-1, 4\)"),
        (lambda: nnlite.Sequential([], input_shape=(4, 0)), r"input_shape to be a tuple such as \(784,\), received \(4, 0\)"),
        (lambda: nnlite.Sequential([], input_shape=(None, 4)), r"input_shape to be a tuple such as \(784,\), received \(None, 4\)"),
        (lambda: nnlite.Sequential({layers.ReLU(), layers.Tanh()}), "Sequential expects a list of layers, received {<"),
        (lambda: layers.Reshape(size for size in (4, 4)), "Reshape needs a shape of sizes of at least 1, received <generator"),
        (lambda: layers.Reshape(4), "Reshape needs a shape of sizes of at least 1, received 4"),
        (lambda: layers.Reshape("44"), "Reshape needs a shape of sizes of at least 1, received '44'"),
        (lambda: layers.Reshape((2.0, 2)), r"Reshape needs a shape of sizes of at least 1, received \(2\.0, 2\)"),
        (lambda: layers.Rescale("a"), "Rescale's number is expected to be an array of numbers, received a str"),
        (lambda: layers.TiedDense(layers.ReLU()), "TiedDense expects the Dense that owns the weights, received"),
        (lambda: layers.WeightPenalty(layers.Dense(2, 2, rng=RNG)), "WeightPenalty expects a list of Dense layers, received"),
        (lambda: layers.WeightPenalty([], l1="1"), "WeightPenalty expects l1 of at least 0, received '1'"),
        (lambda: nnlite.dense_network(3, RNG), "dense_network expects at least two widths, received 3"),
        (lambda: training.step_decay(0.5), r"step_decay expects times in \(0, 1\) .* received 0\.5"),
        (lambda: training.step_decay(["0.5"]), r"step_decay expects times in \(0, 1\) .* received \['0\.5'\]"),
        (lambda: training.LearningRateSchedule(0.5), "LearningRateSchedule expects a function of the progress, .* received 0.5"),
        (lambda: nnlite.lbfgs.minimize(None, X, iterations=1.5), "L-BFGS expects iterations to be a whole number, received 1.5"),
        (lambda: nnlite.lbfgs.fit(X, nnlite.Sequential([])), "L-BFGS expects a model and then x, received ndarray"),
        (lambda: nnlite.Autoencoder(layers.ReLU(), [layers.ReLU()]), "Stack expects a list of layers, received <.*ReLU"),
        (lambda: nnlite.Autoencoder([layers.ReLU()], layers.ReLU()), "Stack expects a list of layers, received <.*ReLU"),
        (lambda: nnlite.metrics.ssim(*np.zeros((2, 20, 20, 3), "u1")), r"ssim needs images \(\.\.\., height, width\) of"),
        (lambda: nnlite.gradcheck("model", X, rng=RNG), "gradcheck expects a layer or a model, received 'model'"),
        (lambda: nnlite.gradcheck(layers.ReLU(), X, rng=0), r"gradcheck expects rng=np\.random\.default_rng\(seed\), received 0"),
        (lambda: nnlite.gradcheck(layers.ReLU(), "abc", rng=RNG), "x is expected to be an array of numbers, received a str"),
        (lambda: one_hot([[1], [2, 3]], 3), "labels is expected to be an array of numbers, received a list"),
        (lambda: one_hot(np.array([1]), "3"), "one_hot expects classes to be a whole number, received '3'"),
        (lambda: nnlite.metrics.bits_per_pixel("98", (28, 28)), "bits_per_pixel expects a size .*, received '98'"),
        (lambda: nnlite.metrics.bits_per_pixel(98, 28), "bits_per_pixel expects a size and at least one pixel, received 98"),
        (lambda: training.RandomShift(1)("abc", RNG), r"RandomShift expects images \(N, height, width\), received"),
        (lambda: training.RandomFlip()([1.0], RNG), r"RandomFlip expects images"),
        (lambda: nnlite.Sequential([]).set_weights(None), "set_weights expects a list of arrays, received None"),
        (lambda: LAYERS["Dense and ReLU"]().set_weights(["a", "b"]), "a weight is expected to be an array of numbers"),
        (lambda: LAYERS["Dense and ReLU"]().set_weights([X * 1j]), "a weight is expected to be an array of numbers"),
        (lambda: layers.Rescale(1j), "Rescale's number is expected to be an array of numbers, received a complex"),
        (lambda: layers.Parameter("weight", np.arange(3)), "weight is expected to be float32 or float64, received int64"),
        (lambda: layers.BatchNormalization(3, dtype=int), "scale is expected to be float32 or float64, received int64"),
        (lambda: layers.MixtureSample(2, 2, 1, rng=RNG, dtype="f2"), "location is expected to be float32 or float64, .* float16"),
        (lambda: layers.Dense(2, 2, rng=RNG, dtype=int), "weight is expected to be float32 or float64, received int64"),
        (lambda: layers.Dense(2, 2, rng=RNG, initializer="he_normal"), "Dense expects one of nnlite.initializers, .* 'he_normal'"),
        (lambda: nnlite.gradcheck(layers.ReLU(), X[:0], rng=RNG), "gradcheck expects x of at least one number, received none"),
        (lambda: nnlite.gradcheck(layers.ReLU(), X[:, :0], rng=RNG), "gradcheck expects x of at least one number, received none"),
        (lambda: nnlite.gradcheck(layers.ReLU(), X, rng=RNG, directions=0), "expects directions of at least 1, received 0"),
        (lambda: nnlite.gradcheck(layers.ReLU(), X, rng=RNG, epsilon=0), "gradcheck expects a positive epsilon, received 0"),
        (lambda: nnlite.gradcheck(layers.ReLU(), X, rng=RNG, tolerance=np.nan), "expects a positive tolerance, received nan"),
        (lambda: nnlite.gradcheck(layers.ReLU(), X, rng=RNG, loss="mse", target=X), "gradcheck expects a Loss, .* received 'mse'"),
        (lambda: nnlite.gradcheck_loss("mse", X, X, rng=RNG), "gradcheck_loss expects a Loss, .* received 'mse'"),
        (lambda: nnlite.lbfgs.minimize(lambda w: (w @ w, 2 * w), np.arange(3)), "L-BFGS expects float32 or float64, received int"),
        (lambda: nnlite.lbfgs.minimize(lambda w: (np.nan, w), X[0]), "L-BFGS expects a start with a finite value, .* nan"),
        (lambda: one_hot(np.array([], int), -1), "one_hot expects classes of at least 1, received -1"),
        *[
            (lambda function=function: function("path", nnlite.Sequential([])), "expected a model, .*, received 'path'")
            for function in (
                nnlite.save_weights, nnlite.load_weights, nnlite.save_torch_weights, nnlite.load_torch_weights,
                nnlite.save_keras_weights, nnlite.load_keras_weights, nnlite.export_onnx,
            )
        ],
        (lambda: nnlite.save_torch_weights(layers.ReLU(), "path"), r"expected a model, such as Sequential\(.*, received <.*ReLU"),
        (lambda: nnlite.write_images(np.zeros((1, 2, 2), np.uint8), "a.npy"), "images is expected .*, received a str"),
        (lambda: nnlite.hold_out(np.zeros(3, int), "0.5", RNG), r"hold_out expects a share in \(0, 1\), received '0\.5'"),
        (lambda: nnlite.hold_out(np.zeros(3, int), 0.5, None), r"hold_out expects rng=np\.random\..*, received None"),
        (lambda: nnlite.dead_units(LAYERS["Dense and ReLU"](), X[:1]), "dead_units expects x of at least two samples, received 1"),
        (lambda: training.EarlyStopping(None), "EarlyStopping expects monitor to be a name such as 'val_loss', received None"),
        (lambda: training.ReduceOnPlateau(3), "ReduceOnPlateau expects monitor to be a name such as 'val_loss', received 3"),
    ],
)  # fmt: skip
def test_what_a_public_function_cannot_take_is_said_in_a_sentence(call, message):
    import re

    with pytest.raises(ValueError, match=message.replace("(784,)", re.escape("(784,)"))):
        call()


@pytest.mark.parametrize("factor", [np.nan, np.inf, -0.5, "1", None, np.ones(1)])
def test_a_schedule_that_gives_no_factor_is_named_not_the_training(factor):
    model = LAYERS["Dense and ReLU"]()
    model.compile(optimizers.SGD(0.25))
    schedule = training.LearningRateSchedule(lambda progress: 1.0 if progress < 0.5 else factor)
    with pytest.raises(ValueError, match=r"LearningRateSchedule expects factors of at least 0, received .* at progress 0\.5"):
        model.fit(X, epochs=2, shuffle=False, callbacks=[schedule], verbose=False)
    assert model.optimizer.learning_rate == 0.25


@pytest.mark.parametrize("make", [make for make in NUMBERS if isinstance(make, type) and issubclass(make, layers.Layer)])
def test_a_layer_computes_the_same_bits_from_a_number_of_numpy(make):
    results = []
    for number in (float, np.float64, np.float32):
        numbers = {name: number(value) if isinstance(value, float) else value for name, value in NUMBERS[make].items()}
        layer = make(**numbers, **({"rng": np.random.default_rng(0)} if make in DRAW else {}))
        y = layer.forward(X, training=True).copy()
        results.append([layer.penalty, y.dtype, y.tobytes(), layer.backward(y).tobytes()])
    assert results[1] == results[0]
    assert results[2] == results[0] or "epsilon" in NUMBERS[make]  # 1e-5 has other bits in float32
