"""Stopping and going on: the whole state of a training in one file, so that a killed training ends where it would have ended.

What a next epoch depends on is the parameters, what the optimizer and the callbacks remember, and the state of every random
generator. All of it is one nested dict, written as a safetensors file after each epoch:

    arrays                the dict's arrays, each named by its keys, such as "parameters.0.weight" or "optimizer.m.1"
    metadata "format"     FORMAT
    metadata "job"        what must be the same when the training goes on, as JSON
    metadata "state"      the dict as JSON, with {"__array__": name} in place of an array
    metadata "crc32"      the checksum of the three others and of the arrays, with their names, dtypes and shapes, in hexadecimal

Layers, loss and augmentation must match in class and settings, such as "Dropout(rate=0.1)"; a function must match in name and code;
callbacks in class only, because their settings cannot be told from their state.

Python's JSON writes a float so that it is read back as the same float, and integers of any length, which the generators need.
"""

import copy
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.arrays import expect
from nnlite.files import safetensors
from nnlite.files.errors import CheckpointError, reported_as
from nnlite.files.weights import CHECKPOINT, check_checksum, checksum
from nnlite.files.whole_files import remove_leftovers
from nnlite.layers import Stack
from nnlite.losses import Loss
from nnlite.optimizers import Optimizer
from nnlite.training.batches import Batches
from nnlite.training.callbacks import Callback, Logs
from nnlite.training.job import bit_generators, check_generator, description, layers_of, origin
from nnlite.training.watch import Watch

FORMAT, OLDER_FORMAT = f"{CHECKPOINT} 2", f"{CHECKPOINT} 1"

Arrays = dict[str, npt.NDArray[Any]]


class SavedTraining(Callback):
    """Ties a training to its file: restores the training from it at the start, saves it to the file after each epoch.

    It must be the last of the training's callbacks, so that it sees what the others have done.

    Parameters
    ----------
    path : str or path
        The file. If it is there, it is read and checked now; nothing is changed yet.
    model, loss, optimizer : Stack, Loss, Optimizer
    callbacks : sequence of Callback
        The others: those that may remember something.
    watch : Watch
    rng, augment : np.random.Generator and callable, or None
    data : sequence of Batches
        What to train on and to validate with, of which the file keeps the checksums.
    job : dict
        What else must be equal when the training goes on, but for "epochs": numbers and strings.

    Attributes
    ----------
    epoch : int
        The number of complete epochs that the file holds, 0 without a file.

    Raises
    ------
    CheckpointError
        The file is of another job, damaged, or no checkpoint of a training.
    nnlite.FormatError
        The file is no safetensors file.
    ValueError
        Something holds a random generator that its ``rngs()`` does not name.
    OSError
        The file cannot be read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        model: Stack,
        loss: Loss,
        optimizer: Optimizer,
        callbacks: Sequence[Callback],
        watch: Watch,
        rng: np.random.Generator | None,
        augment: object,
        data: Sequence[Batches],
        job: Mapping[str, int | bool],
    ):
        self._path, self._model, self._optimizer, self._callbacks, self._watch = Path(path), model, optimizer, callbacks, watch
        self._generators = bit_generators([*layers_of(model), *callbacks, loss, augment], rng)
        self._job: dict[str, Any] = {
            "layers": [description(layer) for layer in model.layers],
            **{f"parameter {name}": f"{p.value.dtype} {p.value.shape}" for name, p in model.named_parameters().items()},
            "loss": description(loss),
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
        """Put the file's state into everything; without a file, write the start."""
        remove_leftovers(self._path)
        if self._found is None:
            self._save(0)
            return
        state, optimizer = self._found, self._optimizer
        optimizer.load_state(state["optimizer"])
        vars(optimizer).update(state["numbers"])
        for name, parameter in self._model.named_parameters().items():
            parameter.value = state["parameters"][name]
        for generator, generator_state in zip(self._generators, state["generators"], strict=True):
            generator.state = generator_state  # in place: who shares a generator goes on sharing it
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
            "optimizer": self._optimizer.state(),
            "numbers": self._optimizer.hyperparameters(),
            "generators": [generator.state for generator in self._generators],
            "callbacks": [callback.state() for callback in self._callbacks],
            "watch": [self._watch.step, self._watch.equal_steps],
        }
        metadata = {"format": FORMAT, "job": json.dumps(self._job), "state": json.dumps(_pack(state, "", arrays))}
        metadata["crc32"] = checksum(arrays, metadata)
        safetensors.write(self._path, arrays, metadata)

    def _read(self) -> dict[str, Any]:
        """Return the file's state, after all checks."""
        arrays, metadata = safetensors.read(self._path)
        if metadata.get("format") not in (FORMAT, OLDER_FORMAT):
            raise CheckpointError(
                f"{self._path}: expected a checkpoint as fit writes it, {FORMAT!r}, received {metadata.get('format')!r}"
            )
        check_checksum(arrays, metadata, self._path)
        problem = f"{self._path}: expected a checkpoint as fit writes it, received one that is none"
        with reported_as(CheckpointError, problem, KeyError, TypeError, ValueError, RecursionError):  # a checksum can be forged
            expected, received = json.loads(json.dumps(self._job)), dict(json.loads(metadata["job"]))
            state: dict[str, Any] = _unpack(json.loads(metadata["state"]), arrays)
            if metadata["format"] == OLDER_FORMAT:
                self._renew(expected, received, state)
            epochs, epochs_before = expected.pop("epochs", None), received.pop("epochs", None)
        for name in {**expected, **received}:
            if expected.get(name) != received.get(name):
                raise CheckpointError(
                    f"{self._path}: expected a checkpoint of this training, with {name} {expected.get(name)}, received one with "
                    f"{name} {received.get(name)}: give fit another path, or remove the file to start anew"
                )
        problem = f"{self._path}: expected the state of this training, received one that does not fit"
        with reported_as(CheckpointError, problem, Exception):  # whatever a wrong type or a wrong value leads to
            self._check(state)
            if epochs is not None and epochs < state["epoch"]:
                raise ValueError(f"it has trained for {state['epoch']} epochs already, received epochs={epochs}")
        dependent = [type(callback).__name__ for callback in self._callbacks if callback.depends_on_epochs]
        if epochs != epochs_before and dependent:
            text = f"was made for {epochs_before} epochs, which {dependent[0]} depends on: {epochs} from the start differ"
            warnings.warn(f"{self._path} {text}", stacklevel=4)
        return state

    def _check(self, state: dict[str, Any]) -> None:
        """Raise an exception unless the state can be put into everything: tried on copies, and with no attribute but the known."""
        optimizer = self._optimizer
        parameters = {name: (p.value.shape, p.value.dtype) for name, p in self._model.named_parameters().items()}
        expect({name: (array.shape, array.dtype) for name, array in state["parameters"].items()} == parameters, "other parameters")
        for name, number in state["numbers"].items():
            known = isinstance(number, int | float) and isinstance(vars(optimizer)[name], int | float | None)
            expect(known, f"{name} {number!r}, which is no number of the optimizer's")
        step, equal_steps = state["watch"]
        for number in (state["epoch"], step, equal_steps):
            expect(type(number) is int and number >= 0, f"{number!r} as a count")
        expect(type(state["stopped"]) is bool, "no answer whether the training has ended")
        copy.deepcopy(optimizer).load_state(state["optimizer"])
        for generator, generator_state in zip(self._generators, state["generators"], strict=True):
            check_generator(generator, generator_state)
        for callback, callback_state in zip(self._callbacks, state["callbacks"], strict=True):
            if type(callback).load_state is Callback.load_state and set(callback_state) != set(callback.memories):
                raise ValueError(f"what is no memory of {type(callback).__name__}")

    def _renew(self, expected: dict[str, Any], received: dict[str, Any], state: dict[str, Any]) -> None:
        """Bring what an older version wrote into today's form, and what is expected to what that version could tell."""
        received.pop("the optimizer's step_count", None)
        state["numbers"].pop("step_count", None)
        if str(received.get("augment")).startswith("function("):
            received["augment"] = expected["augment"]  # it did not look at the function
        for name in self._optimizer.memories:  # it remembered nothing of parameters that do not learn
            kept = iter(state["optimizer"][name])
            if state["optimizer"][name]:
                parameters = self._optimizer.parameters
                filled = [next(kept) if p.trainable else np.zeros(p.value.size, p.value.dtype) for p in parameters]
                state["optimizer"][name] = [*filled, *kept]


def _pack(value: Any, name: str, arrays: Arrays) -> Any:
    """Return a state as JSON can write it; its arrays go into `arrays`, named by where they were."""
    if isinstance(value, np.ndarray | np.generic):
        arrays[name] = np.asarray(value)
        return {"__array__": name}
    prefix = f"{name}." if name else ""
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _pack(item, f"{prefix}{key}", arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_pack(item, f"{prefix}{position}", arrays) for position, item in enumerate(value)]
    if not (value is None or isinstance(value, bool | int | float | str)):
        raise TypeError(
            f"a state is expected to hold numbers, strings, None, arrays, lists and dicts, received for {name}: {value!r}"
        )
    return value


def _unpack(value: Any, arrays: Arrays) -> Any:
    """Return the state that `_pack` was given, tuples as lists."""
    if isinstance(value, dict):
        if set(value) == {"__array__"}:
            return arrays[value["__array__"]][()]  # a 0-dimensional array as the scalar that it was
        return {key: _unpack(item, arrays) for key, item in value.items()}
    return [_unpack(item, arrays) for item in value] if isinstance(value, list) else value
