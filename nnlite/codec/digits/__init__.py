"""The codec of sets of small pictures that a model was trained for, such as digits: learned latents.

Read `bottleneck` (how it is trained), `class_prior` (what an integer costs), `decoding` (the same pixels in any company),
`image_codec` (from pictures to bytes and back).
"""
