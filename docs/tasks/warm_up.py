"""A learning rate that rises before it falls.

The first steps are small, because the gradients of random weights point nowhere yet.

Fill the gaps: the factor of the learning rate as a function of progress p, which runs from 0 to 1.

- For p < share it rises along a straight line, from `start` at p = 0 to 1 at p = share.
- After that it falls along half a cosine, (1 + cos πq) / 2, where q runs from 0 at p = share to 1 at p = 1.

Read first: nnlite/training/schedules.py, down to `cosine`. A schedule goes into `LearningRateSchedule`, and that into
`fit(callbacks=...)`.
"""

from math import cos, pi


def warm_up(share=0.2, start=0.1):
    """Return the schedule, a function from progress to the factor."""

    def factor(p):
        if p < share:
            raise NotImplementedError  # gap
        raise NotImplementedError  # gap

    return factor
