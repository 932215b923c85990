"""Pictures in files, as arrays of uint8.

Read `netpbm`, `npy` and `png`, one format each; then `picture_files` and `picture_folder`.
"""

from nnlite.pictures.netpbm import parse_netpbm
from nnlite.pictures.picture_files import read_images, read_picture, write_images
from nnlite.pictures.picture_folder import ImageFolder, hold_out, load_image_folder

__all__ = [
    "ImageFolder", "hold_out", "load_image_folder", "parse_netpbm", "read_images", "read_picture", "write_images",
]  # fmt: skip
