"""The split of GRID by speaker. Fixed: numbers of different trainings can be compared.

Validation speakers choose the checkpoint and calibrate; test speakers are measured once, at the end. Every
other speaker trains, but for s2, s24, s26, s29 and s33, which no run of this recipe touches: they stay free
for others to evaluate on.
"""

VALIDATION = frozenset({"s22", "s23", "s30", "s34"})
TEST = frozenset({"s5", "s10", "s14", "s31", "s32"})
RESERVED = frozenset({"s2", "s24", "s26", "s29", "s33"})


def part(speaker: str) -> str:
    """`train`, `validation`, `test` or `reserved`."""
    for name, speakers in (("validation", VALIDATION), ("test", TEST), ("reserved", RESERVED)):
        if speaker in speakers:
            return name
    return "train"
