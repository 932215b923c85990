"""Matrix products by hand: what a processor can do, and how a product makes full use of it.

Read `matrix_product`, then `processor`.
"""

from nnlite.products.matrix_product import padded, product

__all__ = ["padded", "product"]
