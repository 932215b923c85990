"""A range coder: integers with known probabilities become their cross-entropy in bytes, and at most one byte more.

A message is an interval. The coder starts from a wide one and, symbol by symbol, keeps only the symbol's part of it: a probable
symbol has a large part. The coder writes the shortest number inside the last interval. The decoder knows the probabilities, too: it
asks in which part the number lies, and finds the symbols again in the same order. Narrowing to a share p costs −log₂ p bits (G. N.
N. Martin, "Range encoding", 1979).

All arithmetic is in integers, so every machine reads the bytes of every other. No number reaches 2^58, so signed 64-bit integers
hold all of them, compiled or not. The interval is [low, low + width). Invariants:

- Before each symbol 2^48 < width ≤ 2^56 and low + width ≤ 2^57. A table cuts the interval into 2^16 equal steps. The division
  leaves a rest of less than a 2^−32th of the interval; it belongs to no symbol.
- When the width falls to 2^48 or below, the coder writes the top byte of the 56 bits of `low` and moves the rest up (M. Schindler's
  byte-wise renormalisation). After that only a carry changes the byte:
- `low` may reach 2^56. Then the byte to write has a ninth bit: add it to the byte before, and if that is 255, to the one before
  that. There is always such a byte, because the message stays inside its first interval.
- The decoder keeps `offset`, the number read minus `low`: 0 ≤ offset < width.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnlite.codec.frequency_tables import INT32_MAX, PRECISION, TOTAL, FrequencyTables
from nnlite.files.errors import CodecError
from nnlite.jit import jit

FULL = 1 << 56  # the interval's width at the start
BOTTOM = 1 << 48  # at this width or below a byte is written or read
SYMBOL_BYTES = 10  # the longest code: 16 bits of escape, 1 of side, 63 of Elias gamma
INT32_MIN = -(1 << 31)


def encode(symbols: NDArray[np.int32], table_indices: ArrayLike, tables: FrequencyTables) -> bytes:
    """Code each symbol with the table that its index names.

    Parameters
    ----------
    symbols : int32 array, shape (M,)
        Any values. A value outside its table's range is escaped, at the price of 20 bits or more.
    table_indices : integer array, shape (M,)
        For each symbol the row of `tables` that gives its probabilities, from 0 to T − 1.
    tables : FrequencyTables
        The T tables; the decoder needs the same.

    Returns
    -------
    bytes
        About ``tables.cross_entropy(symbols, table_indices) / 8`` bytes. They contain neither M nor an end mark.

    Raises
    ------
    ValueError
        If `symbols` are not int32, the shapes differ, or an index names no table.
    """
    symbols, rows = tables.check_symbols(symbols, table_indices)
    output = np.empty(SYMBOL_BYTES * symbols.size + 8, np.uint8)
    length = _encode(symbols, rows, tables.minimum, tables.sizes, tables.cumulative, output)
    return output[:length].tobytes()


def decode(data: bytes, table_indices: ArrayLike, tables: FrequencyTables) -> NDArray[np.int32]:
    """Read back what `encode` wrote with the same `table_indices` and `tables`.

    Parameters
    ----------
    data : bytes
        The whole stream. The decoder reads zeros past its end, because `encode` leaves off the zeros at the end.
    table_indices : integer array, shape (M,)
        As given to `encode`; their number is the number of symbols.
    tables : FrequencyTables
        As given to `encode`.

    Returns
    -------
    int32 array, shape (M,)
        The symbols. A damaged stream mostly gives other symbols without an error: put a checksum beside it, as
        `nnlite.codec.container` does.

    Raises
    ------
    CodecError
        If the stream cannot have been written by `encode` with these tables.
    ValueError
        If an index names no table.
    """
    rows = tables.check_indices(table_indices)
    symbols = np.empty(rows.size, np.int32)
    stream = np.frombuffer(bytes(data), np.uint8)
    decoded = _decode(stream, rows, tables.minimum, tables.sizes, tables.cumulative, tables.first_entry, symbols)
    if decoded < symbols.size:
        received = f"received a stream that makes no sense at symbol {decoded}: it is damaged, or was coded with other tables"
        raise CodecError(f"expected {symbols.size} symbols, {received}")
    return symbols


@jit
def _append(output: NDArray[np.uint8], length: int, number: int) -> int:
    """Append the low 8 bits of the 9-bit `number` as a byte, add the ninth to the bytes before; return the new length.

    A carry turns every byte on its way from 255 to 0, and no later carry passes that byte again. So all carries together take no
    more time than the bytes.
    """
    if number > 255:
        i = length - 1
        while output[i] == 255:
            output[i] = 0
            i -= 1
        output[i] += 1
    output[length] = number & 255
    return length + 1


@jit
def _shift_out(low: int, width: int, output: NDArray[np.uint8], length: int) -> tuple[int, int, int]:
    while width <= BOTTOM:
        length = _append(output, length, low >> 48)
        low = (low & (BOTTOM - 1)) << 8
        width <<= 8
    return low, width, length


@jit
def _encode_bit(low: int, width: int, bit: int, output: NDArray[np.uint8], length: int) -> tuple[int, int, int]:
    """Code one bit as probable as its opposite: 0 takes the lower half of the interval, 1 the rest."""
    half = width >> 1
    low += half * bit
    width = width - half if bit else half
    return _shift_out(low, width, output, length)


@jit
def _encode_excess(low: int, width: int, excess: int, output: NDArray[np.uint8], length: int) -> tuple[int, int, int]:
    """Code `excess` ≥ 1 in Elias gamma: a zero for each bit after its leading one, then its bits."""
    zeros = 0
    while excess >> (zeros + 1):
        zeros += 1
    for i in range(2 * zeros, -1, -1):
        low, width, length = _encode_bit(low, width, (excess >> i) & 1, output, length)
    return low, width, length


@jit
def _encode(
    symbols: NDArray[np.int32],  # (M,)
    rows: NDArray[np.int32],  # (M,), which table
    minimum: NDArray[np.int32],  # (T,)
    sizes: NDArray[np.int32],  # (T,), entries of each table with its escape
    cumulative: NDArray[np.int64],  # (T, S + 1)
    output: NDArray[np.uint8],  # (10 M + 8,), what is written
) -> int:
    low, width, length = 0, FULL, 0
    for m in range(symbols.size):
        t = rows[m]
        escape = sizes[t] - 1
        from_minimum = np.int64(symbols[m]) - np.int64(minimum[t])
        is_below = from_minimum < 0
        entry = escape if is_below else min(from_minimum, escape)
        step = width >> PRECISION
        low += step * cumulative[t, entry]
        width = step * (cumulative[t, entry + 1] - cumulative[t, entry])
        low, width, length = _shift_out(low, width, output, length)

        if entry == escape:
            excess = -from_minimum if is_below else from_minimum - escape + 1  # how far outside: from 1 to 2^32 − 1
            low, width, length = _encode_bit(low, width, int(is_below), output, length)
            low, width, length = _encode_excess(low, width, excess, output, length)

    # The interval is wider than 2^48, so it contains a number with zeros below its top byte, or even zeros alone: `low` rounded up.
    number = -(-low // FULL) * FULL
    if number >= low + width:
        number = -(-low // BOTTOM) * BOTTOM
    length = _append(output, length, number >> 48)
    while length > 0 and output[length - 1] == 0:  # the decoder supplies zeros
        length -= 1
    return length


@jit
def _shift_in(offset: int, width: int, stream: NDArray[np.uint8], position: int) -> tuple[int, int, int]:
    while width <= BOTTOM:
        offset <<= 8
        if position < stream.size:  # zeros past the end
            offset += np.int64(stream[position])
        position += 1
        width <<= 8
    return offset, width, position


@jit
def _decode_bit(offset: int, width: int, stream: NDArray[np.uint8], position: int) -> tuple[int, int, int, int]:
    half = width >> 1
    bit = int(offset >= half)
    offset -= half * bit
    width = width - half if bit else half
    offset, width, position = _shift_in(offset, width, stream, position)
    return bit, offset, width, position


@jit
def _decode_excess(offset: int, width: int, stream: NDArray[np.uint8], position: int) -> tuple[int, int, int, int]:
    """Read what `_encode_excess` wrote, or 0 if there are more zeros than an excess below 2^32 needs."""
    for zeros in range(32):
        excess, offset, width, position = _decode_bit(offset, width, stream, position)
        if excess:
            for _ in range(zeros):
                bit, offset, width, position = _decode_bit(offset, width, stream, position)
                excess = 2 * excess + bit
            break
    return excess, offset, width, position


@jit
def _decode(
    stream: NDArray[np.uint8],
    rows: NDArray[np.int32],  # (M,)
    minimum: NDArray[np.int32],  # (T,)
    sizes: NDArray[np.int32],  # (T,)
    cumulative: NDArray[np.int64],  # (T, S + 1)
    first_entry: NDArray[np.uint16],  # (T, 256)
    symbols: NDArray[np.int32],  # (M,), filled
) -> int:
    """Fill `symbols` and return their number; it is less than M if the stream stops making sense."""
    offset, width, position = _shift_in(0, 1, stream, 0)  # from 1 to the full 2^56: seven bytes
    for m in range(symbols.size):
        t = rows[m]
        step = width >> PRECISION
        target = offset // step  # the step in which the number lies
        if target >= TOTAL:  # in the rest of the division: no symbol's
            return m
        entry = np.int64(first_entry[t, target >> 8])
        while cumulative[t, entry + 1] <= target:  # ends, because the last of them is 2^16
            entry += 1
        offset -= step * cumulative[t, entry]
        width = step * (cumulative[t, entry + 1] - cumulative[t, entry])
        offset, width, position = _shift_in(offset, width, stream, position)
        smallest = np.int64(minimum[t])
        value = smallest + entry

        if entry == sizes[t] - 1:
            below, offset, width, position = _decode_bit(offset, width, stream, position)
            excess, offset, width, position = _decode_excess(offset, width, stream, position)
            value = smallest - excess if below else value - 1 + excess
            if excess == 0 or not INT32_MIN <= value <= INT32_MAX:
                return m
        symbols[m] = value
    return symbols.size
