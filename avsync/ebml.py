"""The length that a Matroska or WebM file declares: FFmpeg does not tell it from its own estimate."""

from collections.abc import Iterator

from avsync.decode import Source

SEGMENT, INFO, DURATION, CLUSTER = 0x18538067, 0x1549A966, 0x4489, 0x1F43B675
HEAD_BYTES = 1 << 20
"""The head of a file in which its length stands; pictures come after it."""


def declares_duration(source: Source) -> bool:
    """Whether a Matroska file says how long it is. Live recordings do not; damaged heads count as silent."""
    if isinstance(source, bytes):
        head = source[:HEAD_BYTES]
    else:
        with source.open("rb") as file:
            head = file.read(HEAD_BYTES)
    for kind, first, end in _elements(head, 0, len(head)):
        if kind != SEGMENT:
            continue
        for inner, inner_first, inner_end in _elements(head, first, end):
            if inner == CLUSTER:
                return False
            if inner == INFO:
                return any(kind == DURATION for kind, _, _ in _elements(head, inner_first, inner_end))
    return False


def _elements(data: bytes, place: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Identity, first byte and end of the elements between two places (EBML, RFC 8794)."""
    while place < end:
        kind, after = _number(data, place, keep_marker=True)
        size, first = _number(data, after, keep_marker=False)
        if first <= after or first > end:
            return
        unknown = size == (1 << 7 * (first - after)) - 1
        stop = end if unknown else min(first + size, end)
        yield kind, first, stop
        place = stop


def _number(data: bytes, place: int, *, keep_marker: bool) -> tuple[int, int]:
    """A number whose length stands in its first bits, and the place after it; the same place for none."""
    if place >= len(data) or not data[place]:
        return 0, place
    length = 9 - data[place].bit_length()
    if place + length > len(data):
        return 0, place
    value = int.from_bytes(data[place : place + length], "big")
    return (value if keep_marker else value & ((1 << 7 * length) - 1)), place + length
