"""Stopping and going on: the whole state of a training in one file, so that a killed training ends where it would have ended.

What a next epoch depends on is the parameters, what the optimizer and the callbacks remember, and the state of every random
generator. All of it is one nested dict, written as a safetensors file after each epoch:

    arrays                the dict's arrays, each named by its keys, such as "parameters.0.weight" or "optimizer.m.1"
    metadata "format"     FORMAT
    metadata "job"        what must be the same when the training goes on, as JSON
    metadata "state"      the dict as JSON, with {"__array__": name} in place of an array
    metadata "crc32"      the checksum of the three others and of the arrays, with their names, dtypes and shapes, in hexadecimal

Of the job's layers, loss and augmentation the class and the settings are compared, "Dropout(rate=0.1)"; of the callbacks only the
class, since what they remember are attributes of theirs as well.

Python's JSON writes a float so that it is read back as the same float, and integers of any length, which the generators need.
"""

import copy
import json
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnlite import safetensors
from nnlite.batches import BatchSource
from nnlite.callbacks import Callback
from nnlite.checkpoint import CheckpointError
from nnlite.files import remove_leftovers
from nnlite.layers import Layer
from nnlite.watch import Watch

if TYPE_CHECKING:
    from nnlite.model import Sequential

FORMAT = "nnlite training 1"
VARYING = {"penalty", "stop_training"}  # attributes of layers that are no settings
MT19937_WORDS, PHILOX_WORDS = 624, 4

Arrays = dict[str, npt.NDArray[Any]]


class SavedTraining:
    """A training and its file: what the file holds is put into the training's objects, and after each epoch the other way round.

    Parameters
    ----------
    path : str or path
        The file. If it is there, it is read and checked now; nothing is changed yet.
    model : Sequential
        Compiled.
    callbacks : sequence of Callback
        Those that may remember something.
    watch : Watch
    owners : iterable
        What may hold random generators (or be one), beside the model, its loss and the callbacks.
    data : sequence of BatchSource
        The samples, of which the file keeps the checksums.
    job : dict
        What else must be equal when the training goes on: numbers and strings, or objects, of which the class and settings must be.

    Raises
    ------
    CheckpointError
        The file is of another job, damaged, or no checkpoint of a training.
    nnlite.safetensors.FormatError
        The file is no safetensors file.
    OSError
        The file cannot be read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        model: "Sequential",
        callbacks: Sequence[Callback],
        watch: Watch,
        owners: Iterable[object],
        data: Sequence[BatchSource],
        job: Mapping[str, Any],
    ):
        self._path, self._model, self._callbacks, self._watch = Path(path), model, callbacks, watch
        self._generators = _bit_generators([model, model.loss, *callbacks, *owners])
        self._job = {**_describe(model), "callbacks": [type(callback).__name__ for callback in callbacks]}
        for name, value in job.items():
            self._job[name] = value if isinstance(value, bool | int | float | str | None) else _description(value)
        self._job |= {"samples": len(data[0]), "checksums of the data": [source.checksum() for source in data]}
        self._job["random generators"] = [_origin(generator) for generator in self._generators]
        self._found = self._read() if self._path.exists() else None

    def begin(self) -> int:
        """Put the file's state into everything and return the number of complete epochs; without a file, write the start."""
        remove_leftovers(self._path)
        if self._found is None:
            self.save(0)
            return 0
        state, model = self._found, self._model
        optimizer = model.optimizer
        optimizer.load_state({name: state["optimizer"][name] for name in ("step_count", *optimizer.memories)})
        vars(optimizer).update(state["numbers"])
        for name, parameter in model.named_parameters().items():
            parameter.value[...] = state["parameters"][name]
        for generator, generator_state in zip(self._generators, state["generators"], strict=True):
            generator.state = generator_state  # in place: who shares a generator goes on sharing it
        for callback, callback_state in zip(self._callbacks, state["callbacks"], strict=True):
            callback.load_state(callback_state)
        self._watch.step, self._watch.equal_steps = state["watch"]
        model.stop_training = state["stopped"]
        return int(state["epoch"])

    def save(self, epoch: int) -> None:
        """Write the state after so many epochs, whole or not at all."""
        model, arrays = self._model, dict[str, npt.NDArray[Any]]()
        state = {
            "epoch": epoch,
            "stopped": model.stop_training,
            "parameters": {name: parameter.value for name, parameter in model.named_parameters().items()},
            "optimizer": model.optimizer.state(),
            "numbers": model.optimizer.numbers(),
            "generators": [generator.state for generator in self._generators],
            "callbacks": [callback.state() for callback in self._callbacks],
            "watch": [self._watch.step, self._watch.equal_steps],
        }
        metadata = {"format": FORMAT, "job": json.dumps(self._job), "state": json.dumps(_pack(state, "", arrays))}
        metadata["crc32"] = _checksum(arrays, metadata)
        safetensors.write(self._path, arrays, metadata)

    def _read(self) -> dict[str, Any]:
        """Return the file's state, after all checks."""
        arrays, metadata = safetensors.read(self._path)
        if metadata.get("format") != FORMAT:
            raise CheckpointError(
                f"{self._path}: expected a checkpoint as fit writes it, {FORMAT!r}, received {metadata.get('format')!r}"
            )
        crc32 = metadata.pop("crc32", "none")
        if crc32 != _checksum(arrays, metadata):
            raise CheckpointError(f"{self._path}: expected the checksum {_checksum(arrays, metadata)}, received {crc32}: damaged")
        try:
            expected, received = json.loads(json.dumps(self._job)), dict(json.loads(metadata["job"]))
            state: dict[str, Any] = _unpack(json.loads(metadata["state"]), arrays)
        except (KeyError, TypeError, ValueError, RecursionError) as error:  # a right checksum can be forged
            raise CheckpointError(
                f"{self._path}: expected a checkpoint as fit writes it, received one that is none: {error}"
            ) from error
        for name in {**expected, **received}:
            if expected.get(name) != received.get(name):
                raise CheckpointError(
                    f"{self._path}: expected a checkpoint of this training, with {name} {expected.get(name)}, received one with "
                    f"{name} {received.get(name)}: give fit another path, or remove the file to start anew"
                )
        try:
            self._check(state)
        except Exception as error:  # whatever a wrong type or a wrong value leads to
            raise CheckpointError(
                f"{self._path}: expected the state of this training, received one that does not fit: {error}"
            ) from error
        return state

    def _check(self, state: dict[str, Any]) -> None:
        """Raise an exception unless the state can be put into everything: tried on copies, and with no attribute but the known."""
        optimizer = self._model.optimizer
        parameters = {name: (p.value.shape, p.value.dtype) for name, p in self._model.named_parameters().items()}
        if {name: (array.shape, array.dtype) for name, array in state["parameters"].items()} != parameters:
            raise ValueError("other parameters")
        if not all(
            isinstance(number, int | float) and isinstance(vars(optimizer)[name], int | float | None)
            for name, number in state["numbers"].items()
        ):
            raise ValueError("numbers that are none of the optimizer's")
        step, equal_steps = state["watch"]
        if not all(type(number) is int and number >= 0 for number in (state["epoch"], step, equal_steps)):
            raise ValueError("counts that are none")
        if type(state["stopped"]) is not bool:
            raise ValueError("no answer whether the training has ended")
        copy.deepcopy(optimizer).load_state({name: state["optimizer"][name] for name in ("step_count", *optimizer.memories)})
        for generator, generator_state in zip(self._generators, state["generators"], strict=True):
            _check_generator(generator, generator_state)
        for callback, callback_state in zip(self._callbacks, state["callbacks"], strict=True):
            if type(callback).load_state is Callback.load_state and set(callback_state) != set(callback.memories):
                raise ValueError(f"what is no memory of {type(callback).__name__}")


def _check_generator(generator: np.random.BitGenerator, state: Any) -> None:
    """Raise an exception unless it is a state of this generator. NumPy checks no position, and reads wherever it points."""
    copy.deepcopy(generator).state = state
    for position, length in ((state["state"].get("pos", 0), MT19937_WORDS), (state.get("buffer_pos", 0), PHILOX_WORDS)):
        if not 0 <= position <= length:
            raise ValueError(f"a position {position} in a generator of {length} words")


def _describe(model: "Sequential") -> dict[str, Any]:
    """Return what of a compiled model must be the same when its training goes on."""
    optimizer = model.optimizer
    return {
        "layers": [_description(layer) for layer in model.layers],
        **{f"parameter {name}": f"{p.value.dtype} {p.value.shape}" for name, p in model.named_parameters().items()},
        "loss": _description(model.loss),
        "optimizer": type(optimizer).__name__,
        **{f"the optimizer's {name}": number for name, number in optimizer.settings.items()},
    }


def _description(thing: object) -> str:
    """Return the class of an object and its settings, such as "Dropout(rate=0.1)"."""
    settings = {
        name: _setting(value)
        for name, value in getattr(thing, "__dict__", {}).items()
        if not name.startswith("_") and name not in VARYING
    }
    return f"{type(thing).__name__}({', '.join(f'{name}={text}' for name, text in settings.items() if text)})"


def _setting(value: object) -> str:
    """Return a number, a text, a layer or a list of such as text, empty for all else: what a training changes is in arrays."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, Layer):
        return _description(value)
    texts = [_setting(item) for item in value] if isinstance(value, list | tuple) else []
    return f"[{', '.join(texts)}]" if all(texts) and texts else ""


def _bit_generators(owners: Iterable[object]) -> list[np.random.BitGenerator]:
    """Return the bit generators of these objects, and of the layers and lists among their attributes, each once."""
    found: list[np.random.BitGenerator] = []
    visited: set[int] = set()

    def visit(value: object) -> None:
        if isinstance(value, np.random.Generator):
            if not any(value.bit_generator is generator for generator in found):
                found.append(value.bit_generator)
        elif isinstance(value, list | tuple):
            for item in value:
                visit(item)
        elif isinstance(value, Layer) and id(value) not in visited:
            visited.add(id(value))
            visit([*vars(value).values()])

    for owner in owners:
        visit(owner)
        visit([*getattr(owner, "__dict__", {}).values()])
    return found


def _origin(generator: np.random.BitGenerator) -> str:
    """Return the kind and the seed of a generator, which are the same however much it has drawn."""
    seed = generator.seed_seq
    return f"{type(generator).__name__}({getattr(seed, 'entropy', None)}, {getattr(seed, 'spawn_key', None)})"


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


def _checksum(arrays: Arrays, metadata: Mapping[str, str]) -> str:
    """Return the CRC-32 of the metadata, and of the arrays with their names, dtypes and shapes."""
    crc = zlib.crc32(repr([*metadata.items()]).encode())
    for name, array in arrays.items():
        crc = zlib.crc32(np.ascontiguousarray(array).data, zlib.crc32(f"{name} {array.dtype} {array.shape}".encode(), crc))
    return f"{crc:08x}"
