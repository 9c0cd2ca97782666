"""Subtitle files: SubRip, WebVTT with the time of each word, and ASS karaoke."""

import html

from avsync.clocks import Clocked, whole_ms
from avsync.cues import Cue, SubtitleConfig, cues


def to_srt(line: Clocked, config: SubtitleConfig | None = None) -> str:
    """SubRip. It has no way to escape signs: they stand as they were written."""
    return "".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{_text(cue)}\n\n"
        for number, cue in enumerate(cues(line, config), 1)
    )


def to_vtt(line: Clocked, config: SubtitleConfig | None = None) -> str:
    """WebVTT; inside a subtitle, a time before each word but the first says when it begins."""
    body = "".join(
        f"{number}\n{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{_vtt_text(cue)}\n\n"
        for number, cue in enumerate(cues(line, config), 1)
    )
    return f"WEBVTT\n\n{body}"


def to_ass(line: Clocked, config: SubtitleConfig | None = None) -> str:
    r"""ASS with karaoke: `{\kf28}Place ` fills the word in 28 hundredths of a second, `{\k5}` waits five."""
    events = [
        f"Dialogue: 0,{_ass_clock(cue.start)},{_ass_clock(cue.end)},Default,,0,0,0,,{_ass_text(cue)}"
        for cue in cues(line, config)
    ]
    return "\n".join([ASS_HEAD, *events]) + "\n"


ASS_HEAD = """[Script Info]
; written by avsync
ScriptType: v4.00+
PlayResX: 1920
PlayResY: 1080
WrapStyle: 2
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, \
MarginR, MarginV, Encoding
Style: Default,Arial,60,&H0040DDFF,&H00F0F0F0,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,3,1,2,96,96,64,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"""
"""Words turn from white (secondary) to yellow (primary) as they are spoken. Sizes are for a picture of
1920x1080; players scale them to theirs."""


def _text(cue: Cue) -> str:
    return "\n".join(" ".join(word.text for word in line) for line in cue.lines)


def _vtt_text(cue: Cue) -> str:
    """The words with the times between them, and line breaks where no line gets exactly two times.

    Such a line is read as the head of a subtitle by pysubs2 (1.8), which many tools build on.
    """
    pieces, timed = [], []
    reached = cue.start
    for word in cue.words:
        begins = whole_ms(word.start)
        stamp = word.spoken and reached < begins < cue.end  # the format wants times that rise inside the cue
        reached = begins if stamp else reached
        pieces.append((f"<{_clock(begins, '.')}>" if stamp else "") + html.escape(word.text, quote=False))
        timed.append(stamp)
    cut = len(cue.lines[0])
    cuts = sorted(range(1, len(pieces) + 1), key=lambda other: abs(other - cut)) if len(cue.lines) < 3 else []
    for cut in cuts:
        if sum(timed[:cut]) != 2 and sum(timed[cut:]) != 2:
            return "\n".join(" ".join(line) for line in (pieces[:cut], pieces[cut:]) if line)
    return " ".join(pieces)


def _ass_text(cue: Cue) -> str:
    """Karaoke tags count hundredths of a second from the start of the line.

    Each ends on the rounded clock, so that rounding does not add up.
    """
    reached = _hundredths(cue.start)
    lines = []
    for line in cue.lines:
        pieces = []
        for word in line:
            tags = ""
            if word.spoken:
                begins, ends = (_hundredths(whole_ms(time)) for time in (word.start, word.end))
                begins = max(begins, reached)
                ends = max(ends, begins)
                tags = f"{{\\k{begins - reached}}}" if begins > reached else ""
                tags += f"{{\\kf{ends - begins}}}"
                reached = ends
            pieces.append(tags + _ass_escape(word.text))
        lines.append(" ".join(pieces))
    return "\\N".join(lines)


def _ass_escape(text: str) -> str:
    r"""Braces begin tags, and `\N` a line: a word joiner (nothing to see) keeps the backslash one."""
    return text.replace("\\", "\\\u2060").replace("{", "\\{").replace("}", "\\}")


def _hundredths(ms: int) -> int:
    return (ms + 5) // 10


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


def _ass_clock(ms: int) -> str:
    seconds, hundredths = divmod(_hundredths(ms), 100)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{hundredths:02}"
