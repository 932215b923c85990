"""Dense neural networks written by hand: NumPy for the arrays, numba for the loops, nothing hidden.

The rooms, in the order in which to read them; each imports only from those above it, and its ``__init__`` says how to go on inside:

    arrays, jit        the types of arrays; the one decorator that compiles a loop
    kernels            the hot loops, each a formula
    products/          the matrix product, as fast as the processor
    initializers, metrics    start weights; how far two images are apart
    layers/            forward above, backward below
    losses             how wrong a prediction is, and in which direction it becomes less wrong
    optimizers/        from gradients to better parameters
    files/             weights and models on disk, whole or not at all
    datasets/          MNIST and its relatives
    training/          batches, the loop, callbacks
    models/            layers, loss and optimizer put together
    gradcheck, lbfgs   is a backward the derivative of its forward; Newton's method without its matrix
    pictures/          PNG, PGM and PPM
    codec/             from pictures to bytes and back
"""

from nnlite import datasets as datasets
from nnlite import initializers as initializers
from nnlite import kernels as kernels
from nnlite import lbfgs as lbfgs
from nnlite import metrics as metrics
from nnlite.files import *
from nnlite.gradcheck import *
from nnlite.layers import *
from nnlite.losses import *
from nnlite.models import *
from nnlite.optimizers import *
from nnlite.pictures import *
from nnlite.training import *

__version__ = "0.1.0"
