"""Sequential: construction, slices, the training loop, evaluation and prediction."""

import copy
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nnlite import ActivityPenalty, Dense, Flatten, Layer, ReLU, Reshape, Sequential, Sigmoid
from nnlite.layers.stack import layers_by_position
from nnlite.losses import LOSSES, Huber, MeanSquaredError
from nnlite.optimizers import OPTIMIZERS, SGD, Adam
from nnlite.training import Callback

FROZEN = 1e-30  # a learning rate too small to change any float32 weight


def dense(inputs, outputs, dtype=np.float32):
    return Dense(inputs, outputs, rng=np.random.default_rng([inputs, outputs]), dtype=dtype)


def small_model(dtype=np.float32):
    return Sequential([dense(6, 4, dtype), ReLU(), dense(4, 6, dtype), Sigmoid()])


def image_model():
    return Sequential([Flatten(), dense(64, 3), dense(3, 64), Sigmoid(), Reshape((8, 8))], input_shape=(8, 8))


def vectors(rng, count=10, dtype=np.float32):
    return rng.uniform(0, 1, (count, 6)).astype(dtype)


def images(rng, count=10):
    return rng.integers(0, 256, (count, 8, 8), dtype=np.uint8)


def trained(x, seed=1, model=None, **options):
    model = small_model() if model is None else model
    model.compile("adam", "mse")
    options = {"epochs": 2, "batch_size": 4, "rng": np.random.default_rng(seed), "verbose": False, **options}
    history = model.fit(x, **options)
    return model.get_weights(), history.history


def same_bits(first, second):
    return all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


class Recorder(Layer):
    """Passes everything through and keeps copies of the batches."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def forward(self, x, training=False):
        self.batches.append(x.copy())
        return x

    def backward(self, dy):
        return dy


# --- construction


@pytest.mark.parametrize(
    ("layers", "input_shape", "message"),
    [
        ([dense(6, 4), ReLU(), dense(5, 6)], None, r"^layer 2: Dense expects \(N, 5\), received \(N, 4\)$"),
        ([dense(6, 4)], (5,), r"^layer 0: Dense expects \(N, 6\), received \(N, 5\)$"),
        ([dense(64, 4)], (8, 8), r"^layer 0: Dense expects \(N, 64\), received \(N, 8, 8\): put a Flatten before it$"),
        ([dense(6, 4), Reshape((3, 2))], None, r"^layer 1: Reshape to \(3, 2\) expects samples of 6 elements"),
        ([ReLU(), Sequential([ReLU(), dense(5, 6)])], (4,), r"^layer 1: layer 1: Dense expects \(N, 5\), received \(N, 4\)$"),
    ],
)
def test_a_layer_that_does_not_fit_is_named_at_construction(layers, input_shape, message):
    with pytest.raises(ValueError, match=message):
        Sequential(layers, input_shape)


def test_one_layer_object_twice_is_refused():
    layer = dense(4, 4)
    with pytest.raises(ValueError, match="each layer object once"):
        Sequential([layer, ReLU(), layer])


def test_a_shallow_copy_of_a_layer_which_shares_its_arrays_is_refused_beside_it():
    layer = ReLU()
    with pytest.raises(ValueError, match="each layer object once"):
        Sequential([dense(4, 4), layer, dense(4, 4), copy.copy(layer)])
    Sequential([dense(4, 4), layer, dense(4, 4), copy.deepcopy(layer)])


def test_input_shape_is_known_from_a_first_dense():
    assert small_model().input_shape == (6,)


def test_an_input_shape_may_be_any_sequence_of_integers():
    for shape in ([8, 8], np.array([8, 8])):
        model = Sequential([Flatten(), dense(64, 3)], input_shape=shape)
        assert model.input_shape == (8, 8)
        assert all(type(size) is int for size in model.input_shape)
    assert Sequential([dense(6, 4)], input_shape=[6]).input_shape == (6,)


def test_input_shape_is_unknown_behind_a_first_layer_that_takes_any():
    assert Sequential([ReLU(), dense(6, 4)]).input_shape is None


def test_input_shape_is_that_of_a_first_nested_model():
    inner = Sequential([Flatten(), dense(64, 3)], input_shape=(8, 8))
    assert Sequential([inner, dense(3, 2)]).input_shape == (8, 8)


def test_length_is_the_number_of_layers():
    assert len(small_model()) == 4


# --- slices and nesting


@pytest.mark.parametrize(
    ("part", "positions", "input_shape"),
    [
        (slice(2), [0, 1], (8, 8)),
        (slice(2, None), [2, 3, 4], (3,)),
        (slice(-2, None), [3, 4], (64,)),
        (slice(None), [0, 1, 2, 3, 4], (8, 8)),
        (slice(5, None), [], (8, 8)),
    ],
)
def test_a_slice_shares_the_layers_and_knows_its_input_shape(part, positions, input_shape):
    model = image_model()
    piece = model[part]
    assert [id(layer) for layer in piece.layers] == [id(model.layers[position]) for position in positions]
    assert piece.input_shape == input_shape


def test_a_slice_of_a_model_without_input_shape_has_none():
    assert Sequential([ReLU(), Sigmoid(), ReLU()])[1:].input_shape is None


def test_an_index_gives_the_layer_itself():
    model = small_model()
    assert model[0] is model.layers[0]
    assert model[-1] is model.layers[3]


def test_training_the_whole_trains_its_slices(rng):
    model, x = small_model(), vectors(rng)
    half = model[:2]
    before = half.predict(x)
    trained(x, model=model)
    assert not np.array_equal(half.predict(x), before)
    assert half.parameters[0] is model.parameters[0]


def test_a_nested_model_computes_and_learns_as_the_flat_one(rng):
    x = vectors(rng)
    flat = small_model()
    nested = Sequential([small_model()[:2], small_model()[2:]])
    assert same_bits(trained(x, model=flat)[0], trained(x, model=nested)[0])
    assert np.array_equal(flat.predict(x), nested.predict(x))


def test_named_parameters_are_named_by_position():
    assert list(small_model().named_parameters()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_named_parameters_of_a_nested_model_have_both_positions():
    model = Sequential([dense(6, 4), Sequential([ReLU(), dense(4, 2)])])
    assert list(model.named_parameters()) == ["0.weight", "0.bias", "1.1.weight", "1.1.bias"]


def test_layers_of_models_in_models_are_found_by_all_their_positions(rng):
    first, second, third, fourth = (Dense(2, 2, rng=rng) for _ in range(4))
    model = Sequential([first, Sequential([second, Sequential([third])]), fourth])
    assert layers_by_position(model) == {"0": first, "1.0": second, "1.1.0": third, "2": fourth}


def test_the_first_layer_that_learns_is_asked_for_no_dx_and_the_others_are(rng):
    class Asked(Dense):
        def backward(self, dy, need_dx=True):
            asked.append(need_dx)
            return super().backward(dy, need_dx)

    asked = []
    model = Sequential([Flatten(), *(Asked(4, 4, rng=rng) for _ in range(3))])
    x = np.ones((2, 4), np.float32)
    for need_dx in (False, True):
        model.backward(np.ones_like(model.forward(x, training=True)), need_dx=need_dx)
    assert asked == [True, True, False, True, True, True]  # last layer first
    model.compile("sgd", "mse", compiled=False)
    model.fit(x, x, shuffle=False, verbose=False)
    assert asked[6:] == [True, True, False]


@pytest.mark.parametrize("compiled", [None, False])
def test_the_loss_of_an_epoch_holds_the_penalties_and_val_loss_does_not(compiled, rng):
    x = rng.random((8, 6), dtype=np.float32)
    model = Sequential([dense(6, 6), ActivityPenalty(0.5)])
    model.compile(SGD(1e-9), "mse", compiled=compiled)
    history = model.fit(x, batch_size=8, validation_data=x, shuffle=False, verbose=False).history
    penalty = 0.5 * np.abs(model.predict(x)).sum() / 8
    assert history["loss"][0] == pytest.approx(history["val_loss"][0] + penalty, rel=1e-5)


def test_without_need_dx_the_gradients_are_the_same(rng):
    model = Sequential([Flatten(), Sequential([dense(64, 3), ReLU()]), dense(3, 2)])
    x = rng.standard_normal((5, 8, 8)).astype(np.float32)
    dy = rng.standard_normal((5, 2)).astype(np.float32)
    model.forward(x, training=True)
    model.backward(dy)
    expected = [parameter.gradient.copy() for parameter in model.parameters]
    model.zero_gradients()
    model.forward(x, training=True)
    model.backward(dy, need_dx=False)
    assert same_bits([parameter.gradient for parameter in model.parameters], expected)


# --- summary


def test_summary_prints_layers_shapes_and_counts(capsys):
    image_model().summary()
    assert capsys.readouterr().out.splitlines() == [
        "   layer    output     parameters",
        "0  Flatten  (N, 64)             0",
        "1  Dense    (N, 3)            195",
        "2  Dense    (N, 64)           256",
        "3  Sigmoid  (N, 64)             0",
        "4  Reshape  (N, 8, 8)           0",
        "451 parameters, float32",
    ]


def test_summary_marks_unknown_shapes_and_names_the_dtype(capsys):
    Sequential([ReLU(), dense(40, 30, np.float64)]).summary()
    assert capsys.readouterr().out.splitlines() == [
        "   layer  output  parameters",
        "0  ReLU   ?                0",
        "1  Dense  ?            1,230",
        "1,230 parameters, float64",
    ]


# --- compile


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_compile_finds_optimizers_by_name(name):
    model = small_model()
    model.compile(optimizer=name)
    assert type(model.optimizer) is OPTIMIZERS[name]


@pytest.mark.filterwarnings("ignore:.* expects logits")
@pytest.mark.parametrize("name", LOSSES)
def test_compile_finds_losses_by_name(name):
    model = small_model()
    model.compile(loss=name)
    assert type(model.loss) is LOSSES[name]


def test_compile_takes_the_optimizer_and_a_copy_of_the_loss():
    model, optimizer, loss = small_model(), SGD(0.5), Huber(2.0)
    model.compile(optimizer, loss)
    assert model.optimizer is optimizer
    assert (type(model.loss), model.loss.delta) == (Huber, 2.0)
    assert model.loss is not loss


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"optimizer": "adma"},
            r"compile expects the optimizer to be one of \['adam', 'adamw', 'rmsprop', 'sgd'\], received 'adma'",
        ),
        ({"loss": "l2"}, r"compile expects the loss to be one of \[.*'mse'.*\], received 'l2'"),
    ],
)
def test_compile_refuses_unknown_names_and_stays_as_it_was(arguments, message):
    model, optimizer, loss = small_model(), SGD(0.5), MeanSquaredError()
    model.compile(optimizer, loss)
    with pytest.raises(ValueError, match=message):
        model.compile(**arguments)
    assert model.optimizer is optimizer
    assert type(model.loss) is MeanSquaredError


def test_compile_starts_the_optimizer_anew(rng):
    model, adam = small_model(), Adam()
    model.compile(adam)
    model.fit(vectors(rng), rng=rng, verbose=False)
    assert adam.step_count == 1
    model.compile(adam)
    assert adam.step_count == 0
    assert not any(m.any() for m in adam.m)


@pytest.mark.parametrize("name", ["optimizer", "loss"])
def test_what_compile_has_not_chosen_cannot_be_had(name):
    with pytest.raises(RuntimeError, match=rf"no {name} yet: call compile\("):
        getattr(small_model(), name)


# --- fit: what is learnt and reported


@pytest.mark.parametrize("optimizer", [SGD(1), SGD(0.3, momentum=0.9), Adam(0.03)])
def test_the_loss_falls(rng, optimizer):
    x = rng.uniform(0, 1, (30, 1)) * np.linspace(0.2, 1, 6)  # (30, 6), all on one line
    model = small_model()
    model.compile(optimizer, "mse")
    losses = model.fit(x, epochs=30, batch_size=4, rng=rng, verbose=False).history["loss"]
    assert len(losses) == 30
    assert losses[-1] < 0.5 * losses[0]


def test_loss_and_val_loss_weigh_a_short_last_batch_by_its_samples(rng):
    x, validation = vectors(rng), vectors(rng, 7)
    x[8:] += 10  # the two samples of the last batch have a loss much larger than the others'
    validation[4:] += 10
    model = small_model()
    model.compile(SGD(FROZEN), "mse")
    history = model.fit(x, epochs=2, batch_size=4, validation_data=validation, shuffle=False, verbose=False).history
    assert history["loss"] == pytest.approx([np.mean((model.predict(x) - x) ** 2)] * 2, rel=1e-5)
    assert history["val_loss"] == pytest.approx([np.mean((model.predict(validation) - validation) ** 2)] * 2, rel=1e-5)


def test_loss_is_taken_before_each_step_and_val_loss_after_the_epoch(rng):
    x, model = vectors(rng), small_model()
    model.compile(SGD(0.5), "mse")
    before = model.evaluate(x)
    history = model.fit(x, batch_size=10, validation_data=x, rng=rng, verbose=False).history
    assert history["loss"] == pytest.approx([before], rel=1e-5)
    assert history["val_loss"] == [model.evaluate(x)]
    assert history["val_loss"] != pytest.approx([before], rel=1e-5)


@pytest.mark.parametrize("verbose", [True, False])
def test_the_losses_are_printed_only_where_fit_is_verbose(verbose, rng, capsys):
    model = Sequential([dense(3, 3)])
    model.compile("sgd", "mse", compiled=False)
    model.fit(rng.random((4, 3)), rng=rng, verbose=verbose)
    out, err = capsys.readouterr()
    assert ("loss" in out + err) == verbose
    assert verbose or out + err == ""


def test_losses_are_python_floats(rng):
    x, model = vectors(rng), small_model()
    history = trained(x, model=model, validation_data=x)[1]
    assert all(isinstance(loss, float) for loss in [*history["loss"], *history["val_loss"], model.evaluate(x)])


def test_validation_data_may_be_inputs_and_targets(rng):
    x, targets, model = vectors(rng), vectors(rng), small_model()
    model.compile()
    history = model.fit(x, validation_data=(x, targets), rng=rng, verbose=False).history
    assert history["val_loss"] == [model.evaluate(x, targets)]


@pytest.mark.parametrize("pair", [False, True])
def test_validation_data_without_samples_are_refused_before_the_training(pair, rng):
    x, model = vectors(rng), small_model()
    model.compile()
    weights = model.get_weights()
    with pytest.raises(ValueError, match="fit expects validation_data of at least one sample, received none"):
        model.fit(x, validation_data=(x[:0], x[:0]) if pair else x[:0], rng=rng, verbose=False)
    for weight, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_without_validation_data_there_is_no_val_loss(rng):
    assert list(trained(vectors(rng))[1]) == ["loss"]


def test_each_epoch_takes_every_sample_once_in_a_new_order(rng):
    recorder = Recorder()
    model = Sequential([recorder, dense(1, 1)])
    model.compile("adam", "mse")
    model.fit(np.arange(20.0)[:, None], epochs=3, batch_size=7, rng=rng, verbose=False)
    assert [len(batch) for batch in recorder.batches] == [7, 7, 6] * 3
    orders = np.concatenate(recorder.batches).reshape(3, 20)
    assert (np.sort(orders) == np.arange(20)).all()
    assert len({tuple(order) for order in [*orders, np.arange(20)]}) == 4


def test_inputs_and_targets_are_shuffled_together(rng):
    recorder, x = Recorder(), np.arange(20.0)[:, None]

    class Pairs(MeanSquaredError):
        def value_and_gradient(self, prediction, target):
            assert np.array_equal(target, -recorder.batches[-1])
            return super().value_and_gradient(prediction, target)

    model = Sequential([recorder, dense(1, 1)])
    model.compile("adam", Pairs())
    model.fit(x, -x, batch_size=6, rng=rng, verbose=False)
    assert len(recorder.batches) == 4


@pytest.mark.parametrize("given", [None, np.random.default_rng(0)], ids=["no rng", "rng"])
def test_without_shuffling_the_order_is_that_of_the_data_and_no_rng_is_needed(given):
    recorder, x = Recorder(), np.arange(20.0)[:, None]
    model = Sequential([recorder, dense(1, 1)])
    model.compile("adam", "mse")
    model.fit(x, batch_size=7, shuffle=False, rng=given, verbose=False)
    assert np.array_equal(np.concatenate(recorder.batches), x)


def test_the_same_seed_gives_the_same_weights_bit_for_bit(rng):
    x = vectors(rng, 50)
    first, second = trained(x, seed=1), trained(x, seed=1)
    assert same_bits(first[0], second[0])
    assert first[1] == second[1]


def test_another_seed_gives_other_weights(rng):
    x = vectors(rng, 50)
    assert not same_bits(trained(x, seed=1)[0], trained(x, seed=2)[0])


def test_bytes_are_images_scaled_by_255(rng):
    x = images(rng)
    from_bytes, losses = trained(x, model=image_model())
    from_floats, expected = trained((x / 255).astype(np.float32), model=image_model())
    assert losses["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    for a, b in zip(from_bytes, from_floats, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4)
    np.testing.assert_allclose(image_model().predict(x), image_model().predict(x / 255), rtol=0, atol=1e-6)


@pytest.mark.parametrize("make", [vectors, images])
def test_targets_are_the_inputs_if_they_are_left_out(make, rng):
    x = make(rng)
    model = image_model if make is images else small_model
    without = trained(x, model=model())
    for targets in (x, x.copy()):
        assert same_bits(trained(x, y=targets, model=model())[0], without[0])
    other = model()
    other.compile()
    assert other.evaluate(x) == other.evaluate(x, x.copy())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_keeps_the_dtype_of_the_parameters(rng, dtype):
    weights, _ = trained(vectors(rng, dtype=np.float64), model=small_model(dtype))
    assert {weight.dtype for weight in weights} == {np.dtype(dtype)}


def test_training_does_not_change_the_data(rng):
    x, targets = vectors(rng), vectors(rng)
    x_before, targets_before = x.copy(), targets.copy()
    trained(x, y=targets)
    assert np.array_equal(x, x_before)
    assert np.array_equal(targets, targets_before)


def test_a_second_fit_goes_on_where_the_first_ended(rng):
    x, model = vectors(rng), small_model()
    model.compile(Adam(0.01), "mse")
    for _ in range(2):
        model.fit(x, batch_size=4, shuffle=False, verbose=False)
    whole = small_model()
    whole.compile(Adam(0.01), "mse")
    whole.fit(x, epochs=2, batch_size=4, shuffle=False, verbose=False)
    assert same_bits(model.get_weights(), whole.get_weights())


# --- fit: errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rng": None}, r"expects rng=np\.random\.default_rng\(seed\)"),
        ({"y": np.zeros((9, 6), np.float32)}, "as many targets as inputs, received x of 10 and y of 9"),
        ({"y": np.zeros((10, 5), np.float32)}, r"prediction's shape, received prediction \(4, 6\) and target \(4, 5\)"),
        ({"y": np.zeros(10, np.float32)}, r"prediction's shape, received prediction \(4, 6\) and target \(4,\)"),
        ({"y": np.zeros((10, 6), np.int64)}, r"y is expected .* received int64 .*y\.astype\('float32'\)"),
        ({"x": np.zeros((10, 6), np.int64)}, r"x is expected .* received int64 .*x\.astype\('float32'\)"),
        ({"x": np.float32(1)}, r"x is expected to be an array \(N, \.\.\.\)"),
        ({"x": np.zeros((0, 6), np.float32)}, "the number of samples of at least 1, received 0"),
        ({"x": np.zeros((10, 5), np.float32)}, r"Dense expects \(N, 6\), received \(N, 5\)"),
        ({"x": np.zeros((10, 2, 3), np.float32)}, r"Dense expects \(N, 6\), received \(N, 2, 3\): put a Flatten before it"),
        ({"epochs": 0}, "epochs of at least 1, received 0"),
        ({"batch_size": 0}, "batch_size of at least 1, received 0"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(rng, options, message):
    model = small_model()
    model.compile("adam", "mse")
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.fit(**{"x": vectors(rng), "batch_size": 4, "rng": rng, "verbose": False, **options})
    assert same_bits(model.get_weights(), before)


def test_images_into_a_model_without_flatten_are_told_to_flatten(rng):
    model = Sequential([dense(64, 3), ReLU(), dense(3, 64)])
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match=r"Dense expects \(N, 64\), received \(N, 8, 8\): put a Flatten before it"):
        model.fit(images(rng), rng=rng, verbose=False)


def test_flat_outputs_against_image_targets_are_refused(rng):
    model = image_model()[:4]
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match=r"received prediction \(10, 64\) and target \(10, 8, 8\): reshape one of them"):
        model.fit(images(rng), rng=rng, verbose=False)


def test_a_layer_in_two_places_of_nested_models_is_refused_where_they_are_put_together(rng):
    part = Sequential([Dense(2, 2, rng=rng)])
    with pytest.raises(ValueError, match="Sequential expects each layer object once, received one of them twice"):
        Sequential([part, Sequential(part.layers)])


@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_without_compile_there_is_no_training_and_no_evaluation(rng, method):
    options = {"rng": rng, "verbose": False} if method == "fit" else {}
    with pytest.raises(RuntimeError, match=r"call compile\("):
        getattr(small_model(), method)(vectors(rng), **options)


# --- evaluate and predict


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("count", [1, 3, 10])
def test_evaluation_does_not_depend_on_the_batch_size(rng, loss, count):
    x = vectors(rng, count)
    x /= x.sum(axis=1, keepdims=True)
    model = small_model() if loss == "bce" else small_model()[:3]
    model.compile("adam", loss)
    expected = LOSSES[loss]().value(model.predict(x), x)
    for batch_size in (1, 3, 1000):
        assert model.evaluate(x, batch_size=batch_size) == pytest.approx(expected, rel=1e-5)


def test_evaluation_of_nothing_is_refused():
    model = small_model()
    model.compile()
    with pytest.raises(ValueError, match="at least one sample"):
        model.evaluate(np.zeros((0, 6), np.float32))


@pytest.mark.parametrize("count", [0, 1, 3, 7])
@pytest.mark.parametrize("make", [small_model, image_model])
def test_prediction_in_batches_is_the_forward_pass(rng, make, count):
    model = make()
    x = rng.uniform(0, 1, (count, *model.input_shape)).astype(np.float32)
    y = model.predict(x, batch_size=3)
    assert y.shape == (count, *model.output_shape(model.input_shape))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, model.forward(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("input_dtype", [np.uint8, np.float16, np.float32, np.float64])
def test_predictions_have_the_dtype_of_the_parameters(dtype, input_dtype):
    assert small_model(dtype).predict(np.zeros((2, 6), input_dtype)).dtype == dtype


@pytest.mark.parametrize("layers", [[], [Flatten()], [Reshape((4, 16))], [Flatten(), Reshape((8, 8))]])
def test_a_model_that_only_moves_elements_predicts_them_all(rng, layers):
    x = rng.uniform(0, 1, (7, 8, 8)).astype(np.float32)
    y = Sequential(layers).predict(x, batch_size=3)
    assert np.array_equal(y.reshape(x.shape), x)
    assert not np.may_share_memory(y, x)


@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_predictions_do_not_depend_on_the_memory_layout(rng, order):
    x = vectors(rng)
    arranged = np.repeat(x, 2, axis=0)[::2] if order == "strided" else np.asarray(x, order=order)
    assert np.array_equal(small_model().predict(arranged), small_model().predict(x))


@pytest.mark.parametrize("method", ["predict", "evaluate"])
def test_batch_sizes_below_one_are_refused(rng, method):
    model = small_model()
    model.compile()
    with pytest.raises(ValueError, match="batch_size of at least 1, received 0"):
        getattr(model, method)(vectors(rng), batch_size=0)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_layer_that_gives_another_number_of_outputs_than_samples_is_refused_by_predict(count):
    class Other(Layer):
        def forward(self, x, training=False):
            return np.resize(x, (count, 6))

    with pytest.raises(ValueError, match=f"expected to return 3 outputs for as many samples, received {count}"):
        Sequential([Other()]).predict(np.ones((3, 6), np.float32))


def test_integers_other_than_bytes_are_refused_by_predict():
    with pytest.raises(ValueError, match="received int64"):
        small_model().predict(np.zeros((2, 6), np.int64))


def test_prediction_between_forward_and_backward_does_not_disturb_them(rng):
    x, dy = vectors(rng, 5), vectors(rng, 5)
    model, undisturbed = small_model(), small_model()
    y = model.forward(x, training=True)
    expected = undisturbed.forward(x, training=True)
    model.predict(vectors(rng, 5))
    assert np.array_equal(y, expected)
    assert np.array_equal(model.backward(dy.copy()), undisturbed.backward(dy.copy()))
    assert same_bits([p.gradient for p in model.parameters], [p.gradient for p in undisturbed.parameters])


def test_prediction_and_evaluation_in_a_callback_do_not_change_the_training(rng):
    x, other = vectors(rng), vectors(rng, 3)

    class Looks(Callback):
        def on_step_end(self, model, step, loss):
            model.predict(other)
            model.evaluate(other)

    assert same_bits(trained(x, callbacks=[Looks()])[0], trained(x)[0])


def test_eight_threads_predict_as_one(rng):
    model = image_model()
    batches = [images(rng, 30) for _ in range(8)]
    expected = [model.predict(batch, batch_size=4) for batch in batches]
    barrier = threading.Barrier(8)

    def predict(batch):
        barrier.wait()
        return [model.predict(batch, batch_size=4) for _ in range(3)]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(predict, batches))
    for repeated, single in zip(results, expected, strict=True):
        for result in repeated:
            np.testing.assert_allclose(result, single, rtol=1e-5, atol=1e-6)


# --- weights


def test_get_weights_gives_copies():
    model = small_model()
    weights = model.get_weights()
    weights[0][...] = 7
    assert not (model.parameters[0].value == 7).any()


def test_set_weights_puts_back_what_get_weights_gave(rng):
    x, model = vectors(rng), small_model()
    start = model.get_weights()
    trained(x, model=model)
    assert not same_bits(model.get_weights(), start)
    model.set_weights(start)
    assert same_bits(model.get_weights(), start)


def test_set_weights_fills_the_parameters_in_place():
    model = small_model()
    value = model.parameters[0].value
    model.set_weights([np.ones_like(weight) for weight in model.get_weights()])
    assert (value == 1).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda weights: weights[:-1],
        lambda weights: [*weights, weights[0]],
        lambda weights: [*weights[:-1], weights[-1][:-1]],
        lambda weights: [*weights[:-1], weights[-1][None]],
        lambda weights: [*weights[:-1], np.full(weights[-1].shape, "seven")],
    ],
    ids=["one too few", "one too many", "last too short", "last of other rank", "last not numbers"],
)
def test_set_weights_changes_all_or_nothing(spoil):
    model = small_model()
    before = model.get_weights()
    with pytest.raises(ValueError):
        model.set_weights(spoil([weight + 1 for weight in before]))
    assert same_bits(model.get_weights(), before)


@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_a_batch_of_no_samples_is_refused_by_the_method_that_was_called(method, rng):
    model = Sequential([Dense(3, 3, rng=rng)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=f"^{method} expects batch_size of at least 1, received 0"):
        getattr(model, method)(rng.random((4, 3)), batch_size=0)
