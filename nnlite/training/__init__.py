"""Training: from batches to better weights.

Read `batches`, `callbacks` and `loop`; then `watch` and `progress`. For longer trainings there are `augmentation`, `schedules`,
`best`, `records`, `checks`, `job` and `resume`. What makes them fast comes last: `compiled`, with its `translation`, its
`compiled_loops` and its `row_functions`.
"""

from nnlite.training.augmentation import RandomFlip, RandomShift
from nnlite.training.best import EarlyStopping, ModelCheckpoint
from nnlite.training.callbacks import Callback, History
from nnlite.training.progress import ProgressBar
from nnlite.training.records import CSVLogger, LearningRateLogger, LivePlot
from nnlite.training.schedules import (
    LearningRateSchedule,
    MomentumSchedule,
    ReduceOnPlateau,
    cosine,
    exponential_decay,
    one_cycle,
    step_decay,
)
from nnlite.training.watch import TrainingError

__all__ = [
    "CSVLogger", "Callback", "EarlyStopping", "History", "LearningRateLogger", "LearningRateSchedule", "LivePlot",
    "ModelCheckpoint", "MomentumSchedule", "ProgressBar", "RandomFlip", "RandomShift", "ReduceOnPlateau", "TrainingError", "cosine",
    "exponential_decay", "one_cycle", "step_decay",
]  # fmt: skip
