"""Dense neural networks written by hand: NumPy for the matrix products, numba for the hot loops, nothing hidden."""

from nnlite import datasets as datasets
from nnlite import initializers as initializers
from nnlite import losses as losses
from nnlite import metrics as metrics
from nnlite import optimizers as optimizers
from nnlite.activations import ELU as ELU
from nnlite.activations import GELU as GELU
from nnlite.activations import LeakyReLU as LeakyReLU
from nnlite.activations import ReLU as ReLU
from nnlite.activations import Sigmoid as Sigmoid
from nnlite.activations import SiLU as SiLU
from nnlite.activations import Softmax as Softmax
from nnlite.activations import Softplus as Softplus
from nnlite.activations import Tanh as Tanh
from nnlite.augmentation import RandomShift as RandomShift
from nnlite.autoencoder import Autoencoder as Autoencoder
from nnlite.callbacks import Callback as Callback
from nnlite.callbacks import EarlyStopping as EarlyStopping
from nnlite.callbacks import History as History
from nnlite.callbacks import ProgressBar as ProgressBar
from nnlite.checkpoint import CheckpointError as CheckpointError
from nnlite.checkpoint import load_weights as load_weights
from nnlite.checkpoint import save_weights as save_weights
from nnlite.gradcheck import GradientError as GradientError
from nnlite.gradcheck import gradcheck as gradcheck
from nnlite.gradcheck import gradcheck_loss as gradcheck_loss
from nnlite.layers import Dense as Dense
from nnlite.layers import Flatten as Flatten
from nnlite.layers import Layer as Layer
from nnlite.layers import Parameter as Parameter
from nnlite.layers import Reshape as Reshape
from nnlite.model import Sequential as Sequential
from nnlite.normalization import BatchNormalization as BatchNormalization
from nnlite.normalization import Rescale as Rescale
from nnlite.penalties import ActivityPenalty as ActivityPenalty
from nnlite.penalties import SparsityPenalty as SparsityPenalty
from nnlite.penalties import WeightPenalty as WeightPenalty
from nnlite.regularization import Dropout as Dropout
from nnlite.regularization import GaussianNoise as GaussianNoise
from nnlite.schedules import LearningRateSchedule as LearningRateSchedule
from nnlite.schedules import cosine as cosine
from nnlite.tied import TiedDense as TiedDense
from nnlite.watch import TrainingError as TrainingError

__version__ = "0.1.0"
