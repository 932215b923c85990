"""Pictures in files and on a terminal, as arrays of uint8.

Read `netpbm`, `npy` and `png`, one format each; then `picture_files` and `picture_folder`. `characters` draws without a window.
"""

from nnlite.pictures.characters import block_characters
from nnlite.pictures.netpbm import parse_netpbm
from nnlite.pictures.picture_files import read_images, read_picture, write_images
from nnlite.pictures.picture_folder import ImageFolder, hold_out, load_image_folder

__all__ = [
    "ImageFolder", "block_characters", "hold_out", "load_image_folder", "parse_netpbm", "read_images", "read_picture",
    "write_images",
]  # fmt: skip
