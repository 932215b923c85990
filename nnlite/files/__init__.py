"""Files: weights and models, written whole or not at all, and read without trusting them.

Read `errors`, `whole_files`, `safetensors` and `weights`; `torch_and_keras`, `torch_names` and `onnx` lead to other libraries.
"""

from nnlite.files.errors import CheckpointError, CodecError, DatasetError, FileError, FormatError, PictureError
from nnlite.files.onnx import export_onnx
from nnlite.files.torch_and_keras import load_keras_weights, load_torch_weights, save_keras_weights, save_torch_weights
from nnlite.files.weights import load_weights, save_weights

__all__ = [
    "CheckpointError", "CodecError", "DatasetError", "FileError", "FormatError", "PictureError", "export_onnx",
    "load_keras_weights", "load_torch_weights", "load_weights", "save_keras_weights", "save_torch_weights", "save_weights",
]  # fmt: skip
