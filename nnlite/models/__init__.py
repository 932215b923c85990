"""Models: layers, an optimizer and a loss put together. Read `sequential`, then `autoencoder` and `dense_network`.

`endings` looks whether a model's last layer fits its loss.
"""

from nnlite.models.autoencoder import Autoencoder
from nnlite.models.dense_network import dense_network
from nnlite.models.sequential import Sequential, dead_units

__all__ = ["Autoencoder", "Sequential", "dead_units", "dense_network"]
