"""Data sets: MNIST, which comes with the package, and any folder of IDX files. Read `idx`, then `mnist`."""

from nnlite.datasets.idx import load_idx, parse_idx
from nnlite.datasets.mnist import Dataset, first_of_each, load_idx_folder, load_mnist, one_hot
from nnlite.files.errors import DatasetError

__all__ = ["Dataset", "DatasetError", "first_of_each", "load_idx", "load_idx_folder", "load_mnist", "one_hot", "parse_idx"]
