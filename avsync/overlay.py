"""What is drawn on an annotated picture: the words as they are spoken, the mouth box, the offset meter.

Text is drawn by Pillow with the font that it carries, so that every machine draws the same; sizes follow the
picture. Each thing is drawn once, kept as an `Overlay`, and laid on the frames that show it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from avsync.alignment import present
from avsync.errors import TextError
from avsync.offset import Offset
from avsync.standards import BT1359
from avsync.text import fold
from avsync.wording import badge

if TYPE_CHECKING:
    from avsync.alignment import Word
    from avsync.pictures import Image as Picture

Colour = tuple[int, int, int, int]
"""Red, green, blue, opacity: 0 to 255."""

PANEL: Colour = (0, 0, 0, 185)
SPOKEN: Colour = (240, 240, 240, 255)
CURRENT: Colour = (255, 221, 64, 255)
UNSURE: Colour = (255, 150, 60, 255)
"""The current word where its status is not `aligned`."""
UPCOMING: Colour = (165, 165, 165, 255)
GOOD: Colour = (64, 190, 90, 255)
BOX: Colour = (230, 230, 230, 255)
"""The mouth box between words; while a word is seen it is `GOOD`."""

GLYPHS = "©«°±´·»‘’“”…‹›™"
"""What Pillow's font has beyond ASCII."""

LEAD_IN = 0.3
LINGER = 0.6
"""Seconds that a line stands before its first word and after its last."""
MARGIN = 0.35
"""Of the panel around the words, as a part of the text's size."""
PAUSE = 0.7
"""A silence of this many seconds starts a new line."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """A small picture, ready to be laid on others at its place."""

    left: int
    top: int
    light: NDArray[np.uint16]
    """(h, w, 3) colour times opacity, 0 to 255 * 255."""
    through: NDArray[np.uint16]
    """(h, w, 1) what of the picture below shows through, 0 to 255."""

    @classmethod
    def of(cls, image: Image.Image, left: int, top: int) -> Overlay:
        """From an RGBA image of Pillow."""
        pixels = np.asarray(image, dtype=np.uint16)
        opacity = pixels[..., 3:]
        return cls(left, top, pixels[..., :3] * opacity + 127, 255 - opacity)

    def lay_on(self, picture: Picture) -> None:
        """Blend into `picture` (H, W, 3) uint8 in place; what sticks out is cut off."""
        height, width = picture.shape[:2]
        top, left = max(self.top, 0), max(self.left, 0)
        bottom, right = min(self.top + len(self.light), height), min(self.left + self.light.shape[1], width)
        if top >= bottom or left >= right:
            return
        rows, columns = slice(top - self.top, bottom - self.top), slice(left - self.left, right - self.left)
        under = picture[top:bottom, left:right]
        under[...] = (under * self.through[rows, columns] + self.light[rows, columns]) // 255


@dataclass(frozen=True, slots=True)
class Line:
    """Words that stand on the screen together, from `start` to `end` seconds on the picture's clock."""

    words: tuple[Word, ...]
    start: float
    end: float


def text_size(height: int, width: int) -> int:
    """Pixels of the words on a picture of that size."""
    return max(10, round(min(height, 0.75 * width) * 0.06))


def font_of(size: float) -> ImageFont.FreeTypeFont:
    """Pillow's own scalable font."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return font


def drawable(text: str) -> str:
    """`text` in letters that Pillow's font has: without accents, and with `?` for other scripts."""
    return "".join(
        letter if letter.isascii() or letter in GLYPHS else _fold_letter(letter) for letter in text
    )


def _fold_letter(letter: str) -> str:
    try:
        plain = fold(letter)
    except TextError:
        return "?"
    return plain if plain.isascii() else "?"


def break_lines(words: Sequence[Word], fits: Callable[[str], bool]) -> list[Line]:
    """Group words into lines: a new one where the text no longer fits, or after a pause."""
    groups: list[list[Word]] = []
    for word in words:
        last = groups[-1] if groups else None
        # Where the previous word has no time (not spoken), no pause can be seen.
        if last is None or _gap(last[-1], word) > PAUSE or not fits(" ".join(w.text for w in (*last, word))):
            groups.append([word])
        else:
            last.append(word)
    return _schedule([group for group in groups if any(_timed(word) for word in group)])


def _gap(before: Word, after: Word) -> float:
    return after.start - before.end if _timed(before) and _timed(after) else 0.0


def _timed(word: Word) -> bool:
    return word.start is not None and math.isfinite(word.start) and math.isfinite(word.end)


def _schedule(groups: Sequence[Sequence[Word]]) -> list[Line]:
    """A line stands until the next one is due and its own words are over; two are never on the screen."""
    begins = [min(word.start for word in group if _timed(word)) for group in groups]
    ends = [max(word.end for word in group if _timed(word)) for group in groups]
    lines: list[Line] = []
    for group, begin, end, following in zip(groups, begins, ends, [*begins[1:], math.inf], strict=True):
        reached = lines[-1].end if lines else -math.inf
        over = min(end + LINGER, max(following - LEAD_IN, end))
        lines.append(Line(tuple(group), max(begin - LEAD_IN, reached), over))
    return lines


class Words:
    """The line of words at the bottom of pictures of one size."""

    def __init__(self, words: Sequence[Word], height: int, width: int) -> None:
        self._height, self._width = height, width
        self._size = text_size(height, width)
        font = font_of(self._size)
        # Without dashes, [music], labels, and passages that nobody says.
        spoken = [words[number] for number in present(words) if words[number].status != "interpolated"]
        self._lines = break_lines(spoken, lambda text: font.getlength(drawable(text)) <= 0.9 * width)
        self._shown: tuple[tuple[int, ...], Overlay] | None = None

    def current(self, time: float) -> Word | None:
        """The word that is seen at a time."""
        line = self._line_at(time)
        if line is None:
            return None
        return next((w for w in self._lines[line].words if _timed(w) and w.start <= time < w.end), None)

    def at(self, time: float) -> Overlay | None:
        """What to lay on the picture of that time; drawn anew only when it changes."""
        number = self._line_at(time)
        if number is None:
            return None
        states = tuple(_state(word, time) for word in self._lines[number].words)
        key = (number, *states)
        if self._shown is None or self._shown[0] != key:
            self._shown = (key, self._draw(self._lines[number], states))
        return self._shown[1]

    def _line_at(self, time: float) -> int | None:
        return next((i for i, line in enumerate(self._lines) if line.start <= time < line.end), None)

    def _draw(self, line: Line, states: Sequence[int]) -> Overlay:
        text = " ".join(drawable(word.text) for word in line.words)
        size = float(self._size)
        while size > 1 and font_of(size).getlength(text) + 2 * MARGIN * size > 0.98 * self._width:
            size *= 0.9  # one word may be longer than the picture
        font, pad = font_of(size), int(MARGIN * size)
        ascent, descent = font.getmetrics()
        image = Image.new(
            "RGBA", (math.ceil(font.getlength(text)) + 2 * pad, ascent + descent + 2 * pad), (0, 0, 0, 0)
        )
        pen = ImageDraw.Draw(image)
        pen.rounded_rectangle((0, 0, image.width - 1, image.height - 1), radius=pad, fill=PANEL)
        before = ""
        for word, state in zip(line.words, states, strict=True):
            x = pad + font.getlength(before)
            shown = drawable(word.text)
            pen.text((x, pad), shown, font=font, fill=_colour(word, state))
            if word.status == "not_spoken":
                y = pad + 0.62 * ascent
                pen.line((x, y, x + font.getlength(shown), y), fill=UPCOMING, width=max(1, round(size / 14)))
            before += shown + " "
        left = (self._width - image.width) // 2
        return Overlay.of(image, left, round(0.95 * self._height) - image.height)


def _state(word: Word, time: float) -> int:
    """-1 upcoming, 0 current, 1 spoken."""
    if not _timed(word) or time < word.start:
        return -1
    return 0 if time < word.end else 1


def _colour(word: Word, state: int) -> Colour:
    if state < 0:
        return UPCOMING
    if state > 0:
        return SPOKEN
    return CURRENT if word.status == "aligned" else UNSURE


def draw_meter(offset: Offset | None, height: int, width: int) -> Overlay:
    """The offset in words, over a scale with the limits of BT.1359 in green, a mark and its interval."""
    size = max(11, round(0.65 * text_size(height, width)))
    font, pad, bar = font_of(size), round(0.5 * size), max(3, round(0.35 * size))
    text = badge(offset)
    ascent, descent = font.getmetrics()
    across = max(math.ceil(font.getlength(text)), 11 * size)
    image = Image.new("RGBA", (across + 2 * pad, ascent + descent + 3 * bar + 2 * pad), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((0, 0, image.width - 1, image.height - 1), radius=pad, fill=PANEL)
    found = offset is not None and offset.ms is not None
    good = offset is not None and offset.verdict == "in_sync"
    pen.text((pad, pad), text, font=font, fill=(GOOD if good else CURRENT) if found else SPOKEN)

    reach = max(400.0, abs(offset.ms) * 1.25 if offset is not None and offset.ms is not None else 0.0)

    def x(ms: float) -> float:
        return pad + across * (min(max(ms / reach, -1.0), 1.0) + 1.0) / 2.0

    top = pad + ascent + descent + bar
    pen.rectangle((x(-reach), top, x(reach), top + bar), fill=UPCOMING)
    limits = offset.standard if offset is not None else BT1359
    pen.rectangle((x(limits.lag_ms), top, x(limits.lead_ms), top + bar), fill=GOOD)
    pen.line((x(0), top - bar // 2, x(0), top + bar + bar // 2), fill=SPOKEN, width=1)
    if offset is not None and offset.ms is not None:
        if offset.ci_ms is not None:
            pen.rectangle((x(offset.ci_ms[0]), top, x(offset.ci_ms[1]), top + bar), fill=(*CURRENT[:3], 120))
        mark = max(1, bar // 2)
        pen.rectangle(
            (x(offset.ms) - mark / 2, top - mark, x(offset.ms) + mark / 2, top + bar + mark), fill=CURRENT
        )
    margin = round(0.03 * height)
    return Overlay.of(image, margin, margin)


def draw_box(picture: Picture, box: NDArray[np.float32], colour: Colour) -> None:
    """Draw the edges of `box` (x0, y0, x1, y1 in pixels) on `picture`; nothing where it is not finite."""
    if not np.isfinite(box).all():
        return
    height, width = picture.shape[:2]
    thick = max(1, round(min(height, width) / 200))
    x0, y0, x1, y1 = (round(float(edge)) for edge in box)
    for rows, columns in (
        ((y0, y0 + thick), (x0, x1)),
        ((y1 - thick, y1), (x0, x1)),
        ((y0, y1), (x0, x0 + thick)),
        ((y0, y1), (x1 - thick, x1)),
    ):
        top, bottom = (min(max(edge, 0), height) for edge in rows)
        left, right = (min(max(edge, 0), width) for edge in columns)
        picture[top:bottom, left:right] = colour[:3]
