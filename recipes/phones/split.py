"""The split of the acoustic phones. Fixed: numbers of different trainings can be compared.

GRID's test speakers and those that recipes/grid/split.py reserves are never touched. s1 and s4 train; the
validation speakers of recipes/grid and its training speakers with one or two clips each develop: they choose
checkpoints and settings and calibrate edges. One in 25 of s1's clips, and of speechocean762's speakers, stays
out of training by a hash of its name.
"""

import zlib

TRAINED = ("s1", "s4")
VALIDATION = ("s22", "s23", "s30", "s34")
"""The validation speakers of recipes/grid."""
SMALL = ("s3", "s6", "s11", "s15", "s16", "s17", "s20", "s25", "s27")
"""Speakers that recipes/grid trains on, and this recipe does not."""


def held_out(name: str) -> bool:
    """Whether a clip of s1, or a speaker of speechocean762, stays out of training."""
    return zlib.crc32(name.encode()) % 25 == 0
