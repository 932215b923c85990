"""The mixing engine once more, in Python's own integers and fractions, as one would write it down from its docstring."""

from decimal import Decimal, getcontext

getcontext().prec = 40
REACH = 3072


def sigma(x):
    """σ(x / 256) of an exact x."""
    return 1 / (1 + (-Decimal(x) / 256).exp())


class Coder:
    """Narrows [low, high], and writes or reads bytes one by one."""

    def __init__(self, stream=None):
        self.low, self.high, self.stream = 0, 2**32 - 1, stream
        self.written, self.position = bytearray(), 4
        if stream is not None:
            self.code = int.from_bytes(stream[:4].ljust(4, b"\0"), "big")

    def bit(self, bit, probability):
        middle = self.low + (self.high - self.low) * probability // 65536
        if self.stream is not None:
            bit = int(self.code <= middle)
        self.low, self.high = (self.low, middle) if bit else (middle + 1, self.high)
        while self.low // 2**24 == self.high // 2**24:
            if self.stream is None:
                self.written.append(self.low // 2**24)
            else:
                following = self.stream[self.position] if self.position < len(self.stream) else 0
                self.code, self.position = self.code % 2**24 * 256 + following, self.position + 1
            self.low, self.high = self.low % 2**24 * 256, self.high % 2**24 * 256 + 255
        return bit

    def finish(self):
        """Return the shortest of all byte strings that, with zeros behind, lie in the interval."""
        for length in range(5):
            unit = 256 ** (4 - length)
            number = (self.low + unit - 1) // unit * unit
            if number <= self.high:
                return (bytes(self.written) + number.to_bytes(4, "big")).rstrip(b"\0")


class Mixer:
    """States as [probability, count], weights as lists, curves as lists."""

    def __init__(self, states, sets, weight, rate, limit, squash, stretch):
        self.states = [[2**21, 0] for _ in range(states)]
        self.weights = [[round(weight * 2**20)] * 24 for _ in range(sets)]
        self.curves = [[squash[x] for x in range(0, 2 * REACH + 1, 128)] for _ in range(sets)]
        self.rate, self.limit, self.squash, self.stretch = rate, limit, squash, stretch

    def learn(self, slot, bit):
        probability, count = self.states[slot]
        move = 655360 // (10 * count + 16)
        target = 2**22 - 1 if bit else 0
        self.states[slot] = [probability + (target - probability) * move // 65536, min(count + 1, self.limit)]

    def mixed(self, slots, own, sets):
        inputs = []
        for slot in slots:
            probability, count = self.states[slot]
            inputs.append(self.stretch[probability // 64] * (256 * (10 * count + 2) // (10 * count + 16)) // 256)
        inputs += own
        x = sum(sum(self.weights[k][i] for k in sets) * s for i, s in enumerate(inputs)) // 2**20
        x = max(-REACH, min(REACH, x))
        return x, self.squash[x + REACH], inputs

    def bit(self, coder, bit, slots, own, sets):
        x, mixed, inputs = self.mixed(slots, own, sets)
        points = self.curves[sets[0]]
        k, part = divmod(x + REACH, 128)
        refined = (points[k] * (128 - part) + points[min(k + 1, 48)] * part) // 128
        bit = coder.bit(bit, max(8, min(65528, (mixed + refined) // 2)))
        if self.rate:
            k += part >= 64
            points[k] += ((65535 if bit else 0) - points[k]) // 64
            error = ((65536 if bit else 0) - mixed) * self.rate // 16
            for i, s in enumerate(inputs):
                for row in sets:
                    weight = self.weights[row][i] + (error * s + 2**13) // 2**14
                    self.weights[row][i] = max(-(2**24), min(2**24, weight))
            for slot in slots:
                self.learn(slot, bit)
        return bit
