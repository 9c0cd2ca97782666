"""Subtitles as words, lines and times, before they are written in a format.

Words become subtitles (`Cue`) in two steps. `split` decides where one ends: at a pause, at a change of
speaker and around a `[sound]` in a pause always; otherwise where it costs least, by the ends of sentences and
clauses, by reading speed and so that none stands too short. `_timed` then gives the times: a subtitle comes
with its first word, goes with its last, stays longer where it would be too short to read, and leaves a small
gap before the next one. Subtitles never overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from avsync.alignment import is_label
from avsync.clocks import Clocked, Said, whole_ms


@dataclass(frozen=True, slots=True)
class SubtitleConfig:
    """How subtitles are cut; the defaults are those of broadcasters' guidelines for adults."""

    line_characters: int = 42
    """A line has at most this many characters, unless a single word has more."""
    lines: int = 2
    """A subtitle has at most this many lines."""
    shortest_s: float = 1.0
    """A subtitle stands at least this long, seconds, unless the next comes before that."""
    longest_s: float = 6.0
    """A subtitle stands at most this long, seconds, unless a single word does."""
    gap_s: float = 0.08
    """A subtitle is gone this long before the next comes, seconds (two frames of 25 a second)."""
    pause_s: float = 0.5
    """No pause as long as this, seconds, lies inside a subtitle."""
    characters_per_second: float = 20.0
    """Reading speed: a subtitle stays long enough for it where there is time."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle; times in whole milliseconds."""

    start: int
    end: int
    lines: tuple[tuple[Said, ...], ...]

    @property
    def words(self) -> tuple[Said, ...]:
        """The words of all lines."""
        return tuple(word for line in self.lines for word in line)


def cues(line: Clocked, config: SubtitleConfig | None = None) -> list[Cue]:
    """The subtitles of a timeline, in order."""
    settings = config or SubtitleConfig()
    parts = split(line.words, settings)
    return _timed(parts, line.end, settings)


SENTENCE_ENDS = (".", "?", "!", "…")
CLAUSE_ENDS = (",", ";", ":", "—", "–")
CLOSING = "\"'”’»)]"
SMALL_WORDS = """
a an the and or but nor of to in on at by for from with as than that which who if when because is are was were
be been my your his her its our their this these those mr. mrs. ms. dr. st. prof.
"""
LEANING = frozenset(SMALL_WORDS.split())
"""Words that lean on the next one: no subtitle or line ends with them where another place will do."""


def split(words: Sequence[Said], config: SubtitleConfig) -> list[list[Said]]:
    """Words grouped into subtitles."""
    groups: list[list[Said]] = []
    run: list[list[Said]] = []  # words with what stands beside them, between two forced ends
    for unit in _units(words, config.pause_s):
        if run and (
            is_label(unit[0].word) or _alone(unit, config.pause_s) or _alone(run[-1], config.pause_s)
            or _span(unit)[0] - _span(run[-1])[1] >= config.pause_s
        ):  # fmt: skip
            groups += _best_split(run, config)
            run = []
        run.append(unit)
    return groups + (_best_split(run, config) if run else [])


def _units(words: Sequence[Said], pause_s: float) -> list[list[Said]]:
    """Each spoken word with the unspoken signs beside it; a `[sound]` in a pause is a unit of its own.

    A speaker's label, and what precedes the first word, belongs to the word behind it; a dash to the word
    before.
    """
    units: list[list[Said]] = []
    waiting: list[Said] = []
    for word in words:
        if word.spoken:
            units.append([*waiting, word])
            waiting = []
        elif is_label(word.word) or waiting or not units:
            waiting.append(word)
        elif _alone([word], pause_s):
            units.append([word])
        elif _alone(units[-1], pause_s):
            waiting.append(word)
        else:
            units[-1].append(word)
        if waiting and _alone([waiting[-1]], pause_s):  # nothing was spoken before it
            units.append(waiting)
            waiting = []
    if waiting and units:
        units[-1] += waiting
    return units or ([waiting] if waiting else [])


def _alone(unit: Sequence[Said], pause_s: float) -> bool:
    """Whether nothing is spoken in it, and there is something to read (`[music]`) and time for it."""
    notes = [word for word in unit if not is_label(word.word) and any(map(str.isalnum, word.text))]
    return bool(notes) and not any(word.spoken for word in unit) and unit[-1].end - unit[0].start >= pause_s


def _best_split(run: Sequence[list[Said]], config: SubtitleConfig) -> list[list[Said]]:
    """The cheapest division of a run without forced ends (dynamic programming over its words)."""
    best: list[tuple[float, int]] = [(0.0, 0)]
    for stop in range(1, len(run) + 1):
        options = []
        for start in range(stop - 1, -1, -1):
            cost = _cost(run, start, stop, config)
            if cost is None:
                break
            options.append((best[start][0] + cost, start))
        best.append(min(options))
    groups: list[list[Said]] = []
    stop = len(run)
    while stop:
        start = best[stop][1]
        groups.insert(0, [word for unit in run[start:stop] for word in unit])
        stop = start
    return groups


def _cost(run: Sequence[list[Said]], start: int, stop: int, config: SubtitleConfig) -> float | None:
    """What words `start` to `stop` cost as one subtitle; None where they do not fit into one."""
    words = [word for unit in run[start:stop] for word in unit]
    seconds = _span(run[stop - 1])[1] - _span(run[start])[0]
    if stop - start > 1 and (
        seconds > config.longest_s or len(_greedy(words, config.line_characters)) > config.lines
    ):
        return None
    last = stop == len(run)
    shown = seconds if not last else max(seconds, config.shortest_s)  # behind the last is a pause
    cost = 1.0 + 1.5 * sum(_ends(unit, SENTENCE_ENDS) for unit in run[start : stop - 1])
    cost += 2.0 * max(0.0, 1.0 - shown / config.shortest_s)
    cost += max(0.0, _length(words) / max(shown, 0.05) / config.characters_per_second - 1.0)
    return cost if last else cost + _break_cost(run[stop - 1])


def _break_cost(unit: Sequence[Said]) -> float:
    """What it costs to end a subtitle, or a line, behind a word."""
    if _ends(unit, SENTENCE_ENDS):
        return 0.0
    if _ends(unit, CLAUSE_ENDS):
        return 0.6
    return 2.5 if unit[-1].text.lower() in LEANING else 1.5


def _ends(unit: Sequence[Said], marks: tuple[str, ...]) -> bool:
    text = unit[-1].text.rstrip(CLOSING)
    return text.endswith(marks) and text.lower() not in LEANING


def _span(unit: Sequence[Said]) -> tuple[float, float]:
    """Start and end of what is spoken in it, or of all where nothing is."""
    spoken = [word for word in unit if word.spoken] or unit
    return spoken[0].start, spoken[-1].end


def _length(words: Sequence[Said]) -> int:
    return sum(len(word.text) for word in words) + len(words) - 1


def _greedy(words: Sequence[Said], width: int) -> list[list[Said]]:
    lines: list[list[Said]] = []
    for word in words:
        if lines and _length([*lines[-1], word]) <= width:
            lines[-1].append(word)
        else:
            lines.append([word])
    return lines


def _lines(words: Sequence[Said], width: int) -> tuple[tuple[Said, ...], ...]:
    """Words in lines; two lines are about equally long and part at a comma rather than behind `the`."""
    lines = _greedy(words, width)
    if len(lines) == 2:
        halves = [(words[:cut], words[cut:]) for cut in range(1, len(words))]
        fitting = [pair for pair in halves if all(_length(line) <= width for line in pair)]
        if fitting:
            lines = [list(line) for line in min(fitting, key=_imbalance)]
    return tuple(tuple(line) for line in lines)


def _imbalance(pair: tuple[Sequence[Said], Sequence[Said]]) -> float:
    return abs(_length(pair[0]) - _length(pair[1])) + 8.0 * _break_cost(pair[0])


def _timed(parts: Sequence[list[Said]], end_s: float, config: SubtitleConfig) -> list[Cue]:
    spans = [_span(part) for part in parts]
    starts = [whole_ms(start) for start, _ in spans]
    for index in range(1, len(starts)):  # what begins before 0 stands at 0, one by one
        starts[index] = max(starts[index], starts[index - 1] + 1)
    made = []
    for index, (part, (start_s, stop_s)) in enumerate(zip(parts, spans, strict=True)):
        start, end = starts[index], whole_ms(stop_s)
        if not any(word.spoken for word in part):  # music may play for minutes
            end = min(end, start + whole_ms(config.longest_s))
        readable = max(config.shortest_s, min(_length(part) / config.characters_per_second, config.longest_s))
        wanted = max(end, start + whole_ms(min(readable, max(config.longest_s, stop_s - start_s))))
        if index + 1 < len(parts):  # a gap, unless it would take more than half of what stands there
            limit = max(starts[index + 1] - whole_ms(config.gap_s), (start + end) // 2)
            end = min(wanted, limit, starts[index + 1])
        else:
            end = max(end, min(wanted, whole_ms(end_s)))
        end = max(end, start + 1)
        made.append(Cue(start, end, _lines(part, config.line_characters)))
    return made
