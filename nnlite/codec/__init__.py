"""From images to bytes and back: quantiser, frequency tables, range coder, file format, and the codec that binds them.

The order to read them in: `quantizer`, `bottleneck`, `tables`, `entropy`, `prior`, `container`, `image`.
"""
