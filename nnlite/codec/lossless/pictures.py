"""Any picture without loss: guess each sample from its decoded neighbours, then code how far the guess was off.

A picture is its planes, one after the other: green, red, blue, or grey alone. A later plane sees the earlier ones whole.

1. *Predictions.* Simple rules, and neurons that solve least squares while they go, one forgetting fast and one slowly.
2. *Guess.* In photographs the predictions' mean, each weighted by 1 / e⁴, e being how far it was off around here. In drawings and
   text, what goes on here went on elsewhere before: where the surroundings, large or small, have been the very same, the guess is
   what followed them last, if that was mostly right.
3. *Contexts.* What tells size and sign of the residual; CONTEXTS is the table of them.
4. *Residual.* A few decisions, see `nnlite.codec.lossless.neighbours`.

Predictions are in eighths of a grey level. Meyer and Tischer, "TMW: a new method for lossless image compression", 1997, and the
programs of the paq family work alike.
"""

import numpy as np
import numpy.typing as npt

from nnlite.codec.context_tables import STEPS, Integers, combine, hashed, table
from nnlite.codec.lossless.least_squares import COLUMN, COLUMNS, Neuron, follow, fresh_neuron, predict
from nnlite.codec.lossless.neighbours import MARGIN, NEIGHBOURS, code_residual, offsets
from nnlite.codec.mixing import Coder, Mixer, desk, fresh_mixer, is_full
from nnlite.jit import inlined, jit

Samples = npt.NDArray[np.uint8]
Planes = npt.NDArray[np.int16]  # (…, MARGIN + height + MARGIN, MARGIN + width + MARGIN); before the picture's are two empty ones

# What the neurons see: neighbours, then those in the plane before, with a 1 behind, then in the one before that. C is the centre.
INPUTS = (*NEIGHBOURS, *"C1 W1 N1 E1 S1 NW1 NE1 SW1 SE1 WW1 EE1 SS1 C2 W2 N2 E2 S2 NW2 NE2 SW2 SE2".split())
INPUTS_OF_PLANE = (16, 28, 37)
WAYS = np.column_stack([[int(f"0{name}"[-1]) if name[-1].isdigit() else 0 for name in INPUTS], offsets(INPUTS)])
MEMORIES = (7, 10)  # of the neurons
MEANS = ("M", "M1", "M2")  # of W and N, in each plane
# "W+N-NW" goes on as from NW to N; the last three as the planes before
RULES = tuple("W+N-NW N+NE-NNE W+W-W N+N-N W+W-WW N+N-NN W+C1-W1 M+C1-M1 M+C2-M2".split())
TERMS = table((*INPUTS, *MEANS), [rule.replace("+", " ").replace("-", " ") for rule in RULES])
PREDICTIONS = len(MEMORIES) + len(RULES)
PREDICTIONS_OF_PLANE = (8, 10, 11)  # the last rules need the planes before

# Features: the inputs, their means; "~fast", "~W+W-W" and the like, how far a prediction lies from the guess; which predictions
# are above it, and which of the nearest neighbours; the residuals at W, N, C1 and C2, and how large they are nearby; the guess;
# which surroundings were met, 0 for none; the plane
BESIDE = ("~fast", "~slow", *(f"~{rule}" for rule in RULES))
OTHERS = ("above", "higher", "eW", "eN", "eC1", "eC2", "nearby", "guess", "met", "plane")
FEATURES = (*INPUTS, *MEANS, *BESIDE, *OTHERS)
FIRST_BESIDE, BESIDE_N = len(INPUTS) + len(MEANS), FEATURES.index("~N+N-N")
ABOVE, HIGHER, E_W, E_N, E_C1, E_C2, NEARBY, GUESS, MET, PLANE = map(FEATURES.index, OTHERS)
SURROUNDINGS = table(
    FEATURES, [f"{names} C1 C2 plane" for names in ("", "W N NW NE WW NN", "W N NW NE WW NN NWW NEE NNW NNE WWW NNN")]
)
SEEN = (
    "W C1 C2 guess",
    " ".join((*NEIGHBOURS, "C1 C2 guess")),
    "~fast nearby",
    "~fast ~slow",
    "~slow ~W+N-NW",
    "~W+W-W ~N+N-N",
    "~W+W-WW ~N+N-NN",
    "~W+C1-W1 ~M+C1-M1",
    "~W+C1-W1 ~M+C2-M2",
    "higher",
    "above higher",
    "guess",
    "guess ~fast",
    "eW eN",
    "eC1 eC2 ~N+NE-NNE",
)
CONTEXTS = table(FEATURES, [f"{names} met plane" for names in SEEN])
GROUPS = np.cumsum([0, 192, 17, 56])  # of sets of weights: by plane, nearby and met, by ~N, by how sure the guess is
TRUSTED = 8  # of 15: a follower is the guess where most of the last ones were right
STATES = 1 << 24  # at most
NEAREST = 12  # neighbours
FOLLOWERS = 1 << 18  # so many surroundings of each size are known
SIZE_CLASS = np.searchsorted([1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 56, 80, 120, 200], np.arange(1024), "right")  # 0 to 15
DIFFERENCES = np.arange(-255, 256)
STEP_CLASS = 8 + np.sign(DIFFERENCES) * np.searchsorted([1, 2, 3, 5, 8, 13, 22, 40], np.abs(DIFFERENCES), "right")  # 0 to 16


def code_pictures(coder: Coder, images: Samples) -> None:
    """Write or read (into `images`) pictures (N, height, width, planes), one after the other."""
    _, height, width, planes = images.shape
    states = min(1 << max(images.size.bit_length() + 5, 16), STATES)
    mixer = fresh_mixer(states, int(GROUPS[-1]) * STEPS, weight=0.05, rate=40, limit=250)
    neurons = tuple(fresh_neuron(min(-(-width // COLUMN), COLUMNS), planes, len(INPUTS), memory) for memory in MEMORIES)
    followers = np.zeros((len(SURROUNDINGS), FOLLOWERS), np.int64)
    for image in images:
        known = np.zeros((2, 2 + planes, height + 2 * MARGIN, width + 2 * MARGIN), np.int16)
        known[0] = 128
        for plane in range(planes):
            code_plane(coder, mixer, neurons, followers, image, known[:, plane : plane + 3], plane)


@jit
def code_plane(
    coder: Coder, mixer: Mixer, neurons: tuple[Neuron, ...], followers: Integers, picture: Samples, known: Planes, plane: int
) -> None:
    """Write or read one plane of a picture. Known are values and residuals, of this plane the last, of those before the others."""
    values, residuals = known[0], known[1]
    height, width, planes = picture.shape
    channel = (1, 0, 2)[plane] if planes == 3 else 0
    here, features = desk(len(CONTEXTS), 3), np.zeros(len(FEATURES), np.int64)
    groups, means, inputs = here.seen[len(CONTEXTS) :], features[len(INPUTS) : FIRST_BESIDE], np.zeros(len(INPUTS) + 1, np.int32)
    predictions, errors = np.zeros(PREDICTIONS, np.int64), np.zeros((PREDICTIONS, 2, width + 2 * MARGIN), np.int64)
    met, follower, trust = np.zeros((3, len(SURROUNDINGS)), np.int64)
    used, usable, column_width = INPUTS_OF_PLANE[plane], PREDICTIONS_OF_PLANE[plane], max(COLUMN, -(-width // COLUMNS))
    features[PLANE], trust[:] = plane, TRUSTED
    for i in range(MARGIN, MARGIN + height):
        if is_full(coder):
            return
        values[2, i, :MARGIN] = values[2, i - 1, MARGIN]
        for j in range(MARGIN, MARGIN + width):
            column = (j - MARGIN) // column_width
            for back in range(3):
                means[back] = (np.int64(values[2 - back, i, j - 1]) + values[2 - back, i - 1, j]) >> 1
            for k in range(len(INPUTS)):
                back, down, right = WAYS[k]
                features[k] = values[2 - back, i + down, j + right]
                inputs[k] = features[k] - means[back]
            for k in range(len(MEMORIES)):
                predictions[k] = 8 * means[0] + predict(neurons[k].weights[column, plane], inputs, used)
            for k in range(len(RULES)):
                predictions[len(MEMORIES) + k] = 8 * (features[TERMS[k, 0]] + features[TERMS[k, 1]] - features[TERMS[k, 2]])
            guess = blend(predictions[:usable], errors, i & 1, j)  # in eighths
            combine(met, features, SURROUNDINGS)
            features[MET] = 0
            for k in range(len(SURROUNDINGS)):
                met[k] = hashed(met[k])
                found = followers[k, met[k] & (FOLLOWERS - 1)]
                follower[k] = found & 255 if found >> 8 == met[k] // FOLLOWERS else -1
                if follower[k] >= 0 and trust[k] >= TRUSTED:
                    features[MET], guess = k + 1, 8 * follower[k]
            features[GUESS] = (guess + 4) >> 3
            see(features, predictions[:usable], residuals, i, j)
            combine(here.seen, features, CONTEXTS)
            groups[0] = (plane * 16 + features[NEARBY]) * 4 + features[MET]
            groups[1] = GROUPS[1] + features[BESIDE_N]
            groups[2] = GROUPS[2] + (16 * features[MET] - 8 + trust[features[MET] - 1] if features[MET] else guess & 7)
            sample = np.int64(picture[i - MARGIN, j - MARGIN, channel])
            residuals[2, i, j] = residual = code_residual(coder, sample - features[GUESS], mixer, here)
            sample = min(max(features[GUESS] + residual, 0), 255)  # it is; but a damaged stream must do no harm
            picture[i - MARGIN, j - MARGIN, channel] = values[2, i, j] = sample
            for k in range(len(SURROUNDINGS)):
                followers[k, met[k] & (FOLLOWERS - 1)] = met[k] // FOLLOWERS << 8 | sample
                if follower[k] >= 0:
                    trust[k] = min(max(trust[k] + (1 if follower[k] == sample else -1), 0), 15)
            for k in range(PREDICTIONS):
                errors[k, i & 1, j] = abs(predictions[k] - 8 * sample)
            for k in range(len(MEMORIES)):
                follow(neurons[k], column, plane, inputs, used, sample - means[0])
        values[2, i, MARGIN + width :] = values[2, i, MARGIN + width - 1]


@inlined
def blend(predictions: Integers, errors: Integers, row: int, j: int) -> int:
    """Cut the predictions to grey levels, and return their mean, weighted by how good they were at the decoded neighbours."""
    total, share = 0, 0
    for k in range(len(predictions)):
        predictions[k] = min(max(predictions[k], 0), 8 * 255)
        now, above = errors[k, row], errors[k, 1 - row]
        off = now[j - 1] + above[j] + above[j + 1] + ((now[j - 2] + above[j - 1]) >> 1)
        square = (off * off >> 6) + 2
        if k < len(MEMORIES):
            square = (square + 1) >> 1
        weight = max((1 << 26) // ((square * square >> 2) + 1), 1)
        total += weight * predictions[k]
        share += weight
    return (total + (share >> 1)) // share


@inlined
def see(features: Integers, predictions: Integers, residuals: Planes, i: int, j: int) -> None:
    """Fill in the features that depend on predictions, guess and residuals."""
    features[ABOVE] = features[HIGHER] = 0
    for k in range(len(predictions)):
        features[FIRST_BESIDE + k] = STEP_CLASS[255 + (predictions[k] >> 3) - features[GUESS]]
        features[ABOVE] = features[ABOVE] << 1 | int(predictions[k] > 8 * features[GUESS])
    for k in range(NEAREST):
        features[HIGHER] = features[HIGHER] << 1 | int(features[k] > features[GUESS])
    own = residuals[2]
    features[E_W], features[E_N] = STEP_CLASS[255 + own[i, j - 1]], STEP_CLASS[255 + own[i - 1, j]]
    features[E_C1], features[E_C2] = STEP_CLASS[255 + residuals[1, i, j]], STEP_CLASS[255 + residuals[0, i, j]]
    off = 2 * (abs(own[i, j - 1]) + abs(own[i - 1, j])) + abs(own[i, j - 2]) + abs(own[i - 1, j - 1]) + abs(own[i - 1, j + 1])
    features[NEARBY] = SIZE_CLASS[min(off >> 1, 1023)]
