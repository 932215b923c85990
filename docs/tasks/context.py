"""Contexts for the lossless mixer: who asks the right question needs fewer bits.

Digits of black and white pixels are coded pixel by pixel, row by row. Before each pixel, the mixer of nnlite.codec.mixing asks a
few contexts how probable white is. A context is a number that sums up some of the pixels that the decoder knows by then: those
above, and those to the left in the same row. It remembers how often white came where that number was the same; the mixer learns
whom to believe.

The two contexts below take 22.9 bytes a digit. Find better ones, up to six numbers from 0 to 4095, and get below 17. Which
pixels are near the one that is coded? Several pixels make one number by their bits: a + 2 * b + 4 * c. Ask with few and with
many: more pixels see more, but each of their numbers occurs less often.

Read first: the head of nnlite/codec/mixing.py, down to "Three details".
"""


def contexts(pixels, row, column):
    """Return a tuple of numbers; pixels (H, W) of 0 and 1 have a margin of zeros, so that row − 3 and column + 3 exist."""
    left, above = pixels[row, column - 1], pixels[row - 1, column]
    return left, above  # gap
