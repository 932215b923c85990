"""The codec of many small pictures of one kind, such as digits: a trained network gives their latents.

Read `bottleneck` (how to train it), `class_prior` (the price of an integer), `decoding` (an image decodes alike alone and among
others) and `image_codec` (from pictures to bytes and back).
"""
