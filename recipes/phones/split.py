"""The split of the recipe of phones. Fixed: numbers of different trainings can be compared.

GRID's test speakers and those that recipes/grid/split.py reserves are never touched. Its validation speakers
and every training speaker but s1 and s4 (1 or 2 clips each) choose checkpoints and calibrate edges; s1 and s4
train. Of s1's clips and of speechocean762's speakers some are held out by a hash of their name.
"""

import zlib

DEVELOPMENT = ("s22", "s23", "s30", "s34", "s3", "s6", "s11", "s15", "s16", "s17", "s20", "s25", "s27")
"""The first four are the validation speakers of recipes/grid."""
HELD_OUT = {"clip": 25, "speaker": 12}


def held_out(name: str, one_in: int = 0) -> bool:
    """Whether a clip of s1 (25, one in) or a speaker of speechocean762 stays out of training."""
    return zlib.crc32(name.encode()) % 25 == 0
