"""From phones to the pose of a mouth: where lips and jaw stand at any time of a sentence.

Each phone asks for a pose and says how much it insists on each part of it. Lip closure (p b m) and the
touch of lip and teeth (f v) are insisted on; the tongue's consonants (t k n ...) leave the lips to their
neighbours, which is coarticulation. Between the demands the pose runs along a monotone cubic, so nothing
overshoots: closed lips stay closed.

Shapes: T times, 5 parts of the pose in the order of `Pose`.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

LEAD_IN_S = 0.16
"""The mouth leaves its rest this many seconds before the first sound of a phrase, as people do."""
RELAX_S = 0.22
"""The mouth is back at rest this many seconds after the last sound of a phrase."""
PAUSE_S = 0.5
"""A silence at least this long lets the mouth go back to rest; over a shorter one it moves on to what
follows."""
GLIDE_S = 0.08
"""A vowel is fully open at the latest this many seconds after its start."""
FULL_VOWEL_S = 0.1
"""A vowel shorter than this many seconds does not reach its opening."""
LIP_CLOSURES = frozenset("pbm")


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the mouth stands; every part is without unit."""

    opening: float
    """Gap between the inner lips at the middle, in half widths of the portrait's mouth; 0 = closed."""
    width: float
    """Half width of the mouth, in half widths of the portrait's (smiling) mouth."""
    pout: float = 0.0
    """0 = lips flat, 1 = lips pushed forward and full."""
    tuck: float = 0.0
    """1 = lower lip drawn in under the upper teeth."""
    press: float = 0.0
    """1 = lips pressed on each other, so that less red is seen."""


@dataclass(frozen=True, slots=True)
class TimedPhone:
    """A phone with its times in seconds; `release` is when the closure of a stop or nasal opens."""

    unit: str
    start: float
    end: float
    release: float | None = None


REST = Pose(0.0, 0.84, 0.1)

_AA, _IH, _IY = Pose(0.60, 0.80), Pose(0.26, 0.88), Pose(0.20, 0.95)
_AO, _UW, _EH = Pose(0.50, 0.66, 0.6), Pose(0.19, 0.48, 1.0), Pose(0.42, 0.89)

VOWELS: dict[str, tuple[Pose, ...]] = {
    "aa": (_AA,), "ae": (Pose(0.54, 0.90),), "ah": (Pose(0.42, 0.82),), "ao": (_AO,), "aw": (_AA, _UW),
    "ay": (_AA, _IH), "eh": (_EH,), "er": (Pose(0.26, 0.70, 0.5),), "ey": (_EH, _IY), "ih": (_IH,),
    "iy": (_IY,), "ow": (Pose(0.44, 0.64, 0.6), _UW), "oy": (_AO, _IH), "uh": (Pose(0.24, 0.66, 0.6),),
    "uw": (_UW,),
}  # fmt: skip
"""Poses a vowel passes through; two for a diphthong."""

_TONGUE_TIP = (Pose(0.12, 0.86), 0.65, 0.15)
_TONGUE_BACK = (Pose(0.20, 0.84), 0.35, 0.0)
_HUSH = (Pose(0.15, 0.66, 0.8), 0.8, 0.75)
_LIPS = (Pose(0.0, 0.82, 0.1, 0.0, 1.0), 1.0, 0.3)
_LIP_TEETH = (Pose(0.10, 0.86, 0.0, 1.0), 1.0, 0.4)
CONSONANTS: dict[str, tuple[Pose, float, float]] = {
    "b": _LIPS, "m": _LIPS, "p": _LIPS, "f": _LIP_TEETH, "v": _LIP_TEETH,
    "w": (Pose(0.08, 0.46, 1.0), 1.0, 1.0), "r": (Pose(0.18, 0.66, 0.6), 0.7, 0.6),
    "y": (Pose(0.15, 0.90), 0.6, 0.5), "l": (Pose(0.24, 0.84), 0.5, 0.15), "hh": (Pose(0.3, 0.84), 0.0, 0.0),
    "ch": _HUSH, "jh": _HUSH, "sh": _HUSH, "zh": _HUSH,
    "d": _TONGUE_TIP, "n": _TONGUE_TIP, "s": _TONGUE_TIP, "t": _TONGUE_TIP, "z": _TONGUE_TIP,
    "dh": (Pose(0.16, 0.84), 0.7, 0.15), "th": (Pose(0.16, 0.84), 0.7, 0.15),
    "g": _TONGUE_BACK, "k": _TONGUE_BACK, "ng": _TONGUE_BACK,
}  # fmt: skip
"""Pose of a consonant, and how much it insists (0 to 1) on opening, tuck and press, and on width and pout."""


def mouth_poses(phones: Sequence[TimedPhone], times: np.ndarray) -> np.ndarray:
    """The pose at each time.

    `times` (T,) in seconds on the clock of the phones. Returns (T, 5) float64, columns in the order of
    `Pose`. The lips are closed from the start of each p, b, m to its release.
    """
    from scipy.interpolate import PchipInterpolator  # here, because it is slow to import

    moments, poses, weights = _demands(phones)
    for column in range(poses.shape[1]):
        poses[:, column] = _coarticulate(moments, poses[:, column], weights[:, column])
    curve = PchipInterpolator(moments, poses, axis=0)(np.clip(times, moments[0], moments[-1]))
    result: np.ndarray = np.maximum(curve, 0.0)
    return result


def _demands(phones: Sequence[TimedPhone]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rising moments (K,), poses (K, 5) and insistence (K, 5) of all phones, with the rests in between."""
    rows: list[tuple[float, Pose, float, float]] = []
    for index, phone in enumerate(phones):
        before = phones[index - 1].end if index else -np.inf
        after = phones[index + 1].start if index + 1 < len(phones) else np.inf
        if phone.start - before >= PAUSE_S:
            rows.append((phone.start - LEAD_IN_S, REST, 1.0, 1.0))
        rows.extend(_phone_demands(phone))
        if after - phone.end >= PAUSE_S:
            rows.append((phone.end + RELAX_S, REST, 1.0, 1.0))
    kept = [rows[0]]
    for row in rows[1:]:
        if row[0] - kept[-1][0] >= 0.004:
            kept.append(row)
        elif row[2] > kept[-1][2]:  # two demands at one moment: the stronger one
            kept[-1] = (kept[-1][0], *row[1:])
    moments = np.array([row[0] for row in kept])
    poses = np.array([astuple(row[1]) for row in kept])
    weights = np.array([[opening, width, width, opening, opening] for _, _, opening, width in kept])
    return moments, poses, weights


def _phone_demands(phone: TimedPhone) -> list[tuple[float, Pose, float, float]]:
    """What one phone asks for: moment in seconds, pose, insistence on opening and on width."""
    start, length = phone.start, phone.end - phone.start
    if phone.unit in LIP_CLOSURES:
        opens = phone.end if phone.release is None else phone.release
        return [(start, *_LIPS), (max(opens, start + 0.005), *_LIPS)]
    if phone.unit in VOWELS:
        reach = min(1.0, 0.4 + 0.6 * length / FULL_VOWEL_S)
        poses = [replace(pose, opening=reach * pose.opening) for pose in VOWELS[phone.unit]]
        if len(poses) == 1:
            glide = min(0.5 * length, GLIDE_S)
            return [(start + glide, poses[0], 1.0, 1.0), (phone.end - glide, poses[0], 1.0, 1.0)]
        first, second = start + min(0.35 * length, GLIDE_S), start + 0.9 * length
        return [(first, poses[0], 1.0, 1.0), (second, poses[1], 0.9, 0.9)]
    pose, on_opening, on_width = CONSONANTS[phone.unit]
    return [(start + 0.5 * length, pose, on_opening, on_width)]


def _coarticulate(moments: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Draw each demand to the line between the neighbours that insist, as far as it does not insist
    itself.
    """
    strong = weights >= 0.6
    line = np.interp(moments, moments[strong], values[strong]) if strong.any() else values
    drawn: np.ndarray = weights * values + (1.0 - weights) * np.where(strong, values, line)
    return drawn
