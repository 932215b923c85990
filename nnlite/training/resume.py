"""Stop a training and go on: one file holds its whole state, so a killed training ends where it would have ended.

The next epoch depends on the parameters and which of them are frozen, on the memories of the optimizer and the callbacks, and on
the state of every random generator. `SavedTraining` puts all of them into one nested dict, and writes it as a safetensors file
after each epoch:

    arrays                the dict's arrays, each named by its keys, such as "parameters.0.weight" or "optimizer.m.1"
    metadata "format"     FORMAT
    metadata "job"        the settings that must be equal when the training goes on, as JSON
    metadata "state"      the dict as JSON, with {"__array__": name} in place of an array
    metadata "crc32"      the checksum of the three others and of the arrays, with their names, dtypes and shapes, in hexadecimal

Layers, loss and augmentation must match in class and settings, such as "Dropout(rate=0.1)"; a function must match in name, code and
the numbers that it holds; callbacks in class only, because their settings cannot be told from their state.

Python's JSON gives each float back as the same float, and integers of any length. The generators need such integers.
"""

import copy
import csv
import json
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.arrays import expect
from nnlite.files import safetensors
from nnlite.files.errors import CheckpointError, reported_as
from nnlite.files.weights import CHECKPOINT, check_checksum, checksum
from nnlite.files.whole_files import remove_leftovers
from nnlite.layers.stack import layers_by_position
from nnlite.optimizers import Optimizer
from nnlite.training.batches import Batches
from nnlite.training.callbacks import Callback, Logs
from nnlite.training.job import bit_generators, check_generator, description, origin
from nnlite.training.watch import Watch

FORMAT, OLDER_FORMAT = f"{CHECKPOINT} 2", f"{CHECKPOINT} 1"
WITHOUT_POINT = partial(re.sub, r"(?<=\d)\.0\b", "")  # older versions kept a whole number as it was given, 1 or 1.0

Arrays = dict[str, npt.NDArray[Any]]


class SavedTraining(Callback):
    """Ties a training to its file: restores the training from it at the start, saves it to the file after each epoch.

    It must be the last of the training's callbacks, so that it sees what the others have done.

    Parameters
    ----------
    path : str or path
        The file. If it exists, the constructor reads and checks it, and changes nothing yet.
    model : Stack
        With its `loss` and its `optimizer`.
    callbacks : sequence of Callback
        All other callbacks of the training.
    watch : Watch
    rng, augment : np.random.Generator and callable, or None
    data : sequence of Batches
        The training and the validation data; the file keeps their checksums.
    job : dict
        More settings, numbers and strings. All but "epochs" must be equal when the training goes on.

    Attributes
    ----------
    epoch : int
        How many complete epochs the file holds, 0 without a file.

    Raises
    ------
    CheckpointError
        The file belongs to another job, is damaged, or is no checkpoint of a training.
    nnlite.FormatError
        The file is no safetensors file.
    ValueError
        An object holds a random generator, but does not name it in ``rngs()``.
    OSError
        The file cannot be read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        model: Any,
        callbacks: Sequence[Callback],
        watch: Watch,
        rng: np.random.Generator | None,
        augment: object,
        data: Sequence[Batches],
        job: Mapping[str, int | bool | None],
    ):
        optimizer: Optimizer = model.optimizer
        self._path, self._model, self._optimizer, self._callbacks, self._watch = Path(path), model, optimizer, callbacks, watch
        self._data = data
        self._generators = bit_generators([*layers_by_position(model).values(), *callbacks, model.loss, augment], rng)
        self._job: dict[str, Any] = {
            "layers": [description(layer) for layer in model.layers],
            **{f"parameter {name}": f"{p.value.dtype} {p.value.shape}" for name, p in model.named_parameters().items()},
            "loss": description(model.loss),
            "optimizer": type(optimizer).__name__,
            **{f"the optimizer's {name}": number for name, number in optimizer.settings.items()},
            "callbacks": [type(callback).__name__ for callback in callbacks],
            **job,
            "augment": None if augment is None else description(augment),
            "samples": len(data[0]),
            "checksums of the data": [checksum for batches in data for checksum in batches.checksums()],
            "random generators": [origin(generator) for generator in self._generators],
        }
        self._found = self._read() if self._path.exists() else None
        self.epoch = int(self._found["epoch"]) if self._found else 0

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Copy the file's state into all objects; without a file, write the start."""
        remove_leftovers(self._path)
        if self._found is None:
            self._save(0)
            return
        state, optimizer = self._found, self._optimizer
        optimizer.load_state(state["optimizer"])
        vars(optimizer).update(state["numbers"])
        for name, parameter in self._model.named_parameters().items():
            parameter.value, parameter.trainable = state["parameters"][name], name not in state["frozen"]
        for generator, generator_state in zip(self._generators, state["generators"], strict=True):
            generator.state = generator_state  # in place: objects that share a generator still share it
        for callback, callback_state in zip(self._callbacks, state["callbacks"], strict=True):
            callback.load_state(callback_state)
        self._watch.step, self._watch.equal_steps = state["watch"]
        self._model.stop_training = state["stopped"]

    def on_epoch_logged(self, model: Any, epoch: int, logs: Logs) -> None:
        """Write the state after this epoch, whole or not at all."""
        self._save(epoch)

    def _save(self, epoch: int) -> None:
        arrays: Arrays = {}
        state = {
            "epoch": epoch,
            "stopped": self._model.stop_training,
            "parameters": {name: parameter.value for name, parameter in self._model.named_parameters().items()},
            "frozen": self._frozen(),
            "optimizer": self._optimizer.state(),
            "numbers": self._optimizer.hyperparameters(),
            "generators": [generator.state for generator in self._generators],
            "callbacks": [callback.state() for callback in self._callbacks],
            "watch": [self._watch.step, self._watch.equal_steps],
        }
        metadata = {"format": FORMAT, "job": json.dumps(self._job), "state": json.dumps(_pack(state, "", arrays))}
        metadata["crc32"] = checksum(arrays, metadata)
        safetensors.write(self._path, arrays, metadata)

    def _frozen(self) -> list[str]:
        return [name for name, parameter in self._model.named_parameters().items() if not parameter.trainable]

    def _read(self) -> dict[str, Any]:
        """Return the file's state, after all checks."""
        arrays, metadata = safetensors.read(self._path)
        if metadata.get("format") not in (FORMAT, OLDER_FORMAT):
            other = f"received {metadata.get('format')!r}: give fit another path"
            raise CheckpointError(f"{self._path}: expected a checkpoint as fit writes it, {FORMAT!r}, {other}")
        check_checksum(arrays, metadata, self._path)
        problem = f"{self._path}: expected a checkpoint as fit writes it, received one without its entries"
        with reported_as(CheckpointError, problem, KeyError, TypeError, ValueError, RecursionError):  # a checksum can be forged
            expected, received = (dict(json.loads(WITHOUT_POINT(job))) for job in (json.dumps(self._job), metadata["job"]))
            saved = json.loads(metadata["state"], object_hook=partial(_unpack, arrays))
            state: dict[str, Any] = {"frozen": self._frozen(), **saved}
            if metadata["format"] == OLDER_FORMAT:
                self._renew(expected, received, state)
            epochs, epochs_before = expected.pop("epochs", None), received.pop("epochs", None)
        for name in {**expected, **received}:
            if expected.get(name) != received.get(name):
                one = f"with {name} {expected.get(name)}, received one with {name} {received.get(name)}"
                way_out = "use the settings and seeds of before, give fit another path, or remove the file to start anew"
                raise CheckpointError(f"{self._path}: expected a checkpoint of this training, {one}: {way_out}")
        problem = f"{self._path}: expected the state of this training, received one that does not fit"
        with reported_as(CheckpointError, problem, Exception):  # a wrong type or value may raise anything
            self._check(state)
            if epochs is not None and epochs < state["epoch"]:
                raise ValueError(f"it has trained for {state['epoch']} epochs already, received epochs={epochs}: ask for more")
        dependent = [type(callback).__name__ for callback in self._callbacks if callback.depends_on_epochs]
        if epochs != epochs_before and dependent:
            text = f"was made for {epochs_before} epochs, and {dependent[0]} depends on that number: a training of {epochs} epochs"
            warnings.warn(f"{self._path} {text} would have differed from the start", stacklevel=4)
        return state

    def _check(self, state: dict[str, Any]) -> None:
        """Raise an exception unless the state fits all objects: load it into copies, and accept no unknown attribute."""
        optimizer = self._optimizer
        parameters = {name: (p.value.shape, p.value.dtype) for name, p in self._model.named_parameters().items()}
        expect({name: (array.shape, array.dtype) for name, array in state["parameters"].items()} == parameters, "other parameters")
        expect(set(state["frozen"]) <= set(parameters), "others frozen")
        for name, number in state["numbers"].items():
            known = isinstance(number, int | float) and isinstance(vars(optimizer)[name], int | float | None)
            expect(known, f"{name} {number!r}, a number that the optimizer does not have")
        step, equal_steps = state["watch"]
        for number in (state["epoch"], step, equal_steps):
            expect(type(number) is int and number >= 0, f"{number!r} as a count")
        expect(type(state["stopped"]) is bool, '"stopped" that is neither true nor false')
        copy.deepcopy(optimizer).load_state(state["optimizer"])
        for generator, generator_state in zip(self._generators, state["generators"], strict=True):
            check_generator(generator, generator_state)
        for callback, callback_state in zip(self._callbacks, state["callbacks"], strict=True):
            if type(callback).load_state is Callback.load_state and set(callback_state) != set(callback.memories):
                raise ValueError(f"a memory that {type(callback).__name__} does not have")

    def _renew(self, expected: dict[str, Any], received: dict[str, Any], state: dict[str, Any]) -> None:
        """Convert the state of an older version to today's form, and expect only what that version stored."""
        # Without targets it took x for y.
        expected["checksums of the data"] = [sums[i] for sums in map(Batches.checksums, self._data) for i in (0, -1)]
        received.pop("the optimizer's step_count", None)
        state["numbers"].pop("step_count", None)
        if str(received.get("augment")).startswith("function("):
            received["augment"] = expected["augment"]  # that version did not describe functions
        for name in self._optimizer.memories:  # that version kept no memories of frozen parameters
            kept = iter(state["optimizer"][name])
            if state["optimizer"][name]:
                parameters = self._optimizer.parameters
                filled = [next(kept) if p.trainable else np.zeros(p.value.size, p.value.dtype) for p in parameters]
                state["optimizer"][name] = [*filled, *kept]
        for callback_state in state["callbacks"]:
            if "_rows" in callback_state:  # CSVLogger kept its table as text
                callback_state["_epochs"] = [
                    {name: int(number) if name == "epoch" else float(number) for name, number in row.items() if name and number}
                    for row in csv.DictReader(callback_state.pop("_rows"))
                ]


def _pack(value: Any, name: str, arrays: Arrays) -> Any:
    """Return the state in a form that JSON can write; move its arrays into `arrays`, each named by its place."""
    if isinstance(value, np.ndarray | np.generic):
        arrays[name] = np.asarray(value)
        return {"__array__": name}
    prefix = f"{name}." if name else ""
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _pack(item, f"{prefix}{key}", arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_pack(item, f"{prefix}{position}", arrays) for position, item in enumerate(value)]
    if not (value is None or isinstance(value, bool | int | float | str)):
        kinds = "numbers, strings, None, arrays, lists and dicts"
        raise TypeError(f"a state is expected to hold {kinds}, received for {name}: {value!r}")
    return value


def _unpack(arrays: Arrays, value: dict[str, Any]) -> Any:
    """Undo `_pack` for a dict whose items are unpacked already; tuples come back as lists, arrays without dimensions as scalars."""
    return arrays[value["__array__"]][()] if set(value) == {"__array__"} else value
