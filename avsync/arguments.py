"""The command line's grammar: commands, options and their checks. Errors are `UsageError`, one line each."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from avsync import __version__
from avsync.align import MODALITIES
from avsync.clocks import CLOCKS
from avsync.export import SUFFIXES
from avsync.lagscores import OffsetConfig
from avsync.standards import BT1359, STANDARDS

NUMBER_OPTIONS = ("--max-offset-ms", "--offset-ms", "--drift-ppm", "--fps")
"""Options whose value may be negative, or is refused with a reason when it is."""
STEP_OPTION = "--step"
"""Its value begins with such a number."""


SIGN = "Sign: a positive offset means that the audio leads (is heard before it is seen)."

OFFSET_CODES = (
    f"{SIGN} Exit codes: 0 measured; 1 measured and out of sync (with --fail-on only); 2 bad input or usage; "
    "3 undetermined. With several files: 2 if any was bad, else 3 if any was undetermined, else 1 if any was "
    "out of sync, else 0."
)
"""Stands below `avsync offset --help`."""

FAILURES = ("out-of-sync", "possibly-out-of-sync")
"""What `--fail-on` knows: the estimate, or any of its 95 % interval, beyond the limits."""


class UsageError(Exception):
    """The command line cannot be understood; the message is one line."""


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that raises instead of printing its usage and leaving."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`; argparse calls this for everything that is wrong."""
        raise UsageError(f"{message} (see: {self.prog} --help)")


def build_parser() -> Parser:
    """The parser of the whole program."""
    parser = Parser(
        prog="avsync",
        description="Puts picture, sound and text of a speaking person on one clock.",
        epilog=f"{SIGN} Exit codes: 0 done; 2 bad input or usage; 3 undetermined; 1 only where --fail-on "
        "asks for it.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"avsync {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, help: str, epilog: str | None = None) -> Parser:
        return commands.add_parser(name, help=help, description=help, epilog=epilog, allow_abbrev=False)

    _add_offset(command("offset", "measure by how much sound and picture disagree", OFFSET_CODES))
    _add_correct(command("correct", "write a corrected file, measure it again, print the residual"))
    _add_align(command("align", "find the times and the frames of each word"))
    _add_annotate(command("annotate", "draw the words, the mouth box and an offset meter on the video"))
    _add_sample(command("sample", "render a talking head whose offset and word times are known"))
    _add_info(command("info", "show streams, start times, frame-time statistics and faces"))
    return parser


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments of one run. Files may stand before and after the options of `offset`."""
    parser = build_parser()
    arguments, rest = parser.parse_known_args(_with_joined_numbers(sys.argv[1:] if argv is None else argv))
    # argparse takes a list of files only where they stand together.
    files = rest[rest.index("--") + 1 :] if "--" in rest else []
    more = rest[: len(rest) - len(files)]
    unknown = [word for word in more if word.startswith("-") and word != "--"]
    if unknown or (rest and arguments.command != "offset"):
        parser.error(f"unrecognized arguments: {' '.join(unknown or rest)}")
    if rest:
        arguments.file += [word for word in more if word != "--"] + files
    return arguments


def _with_joined_numbers(words: Sequence[str]) -> list[str]:
    """`--offset-ms -1e3` as `--offset-ms=-1e3`: argparse takes -1e3 for an option, unlike -1000."""
    joined: list[str] = []
    for index, word in enumerate(words):
        if word == "--":
            return joined + list(words[index:])
        number = word.partition(":")[0] if joined and joined[-1] == STEP_OPTION else word
        takes_number = bool(joined) and joined[-1] in (*NUMBER_OPTIONS, STEP_OPTION)
        if takes_number and word.startswith("-") and _is_number(number):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _add_offset(parser: Parser) -> None:
    parser.add_argument("file", nargs="+", metavar="FILE", help="video files")
    _add_search(parser)
    parser.add_argument(
        "--plot",
        metavar="PNG",
        type=_suffix(".png"),
        help="draw the score of every offset, and the offset over time",
    )
    parser.add_argument(
        "--standard",
        choices=[standard.name for standard in STANDARDS],
        default=BT1359.name,
        metavar="NAME",
        help=f"limits of the verdict (default: %(default)s): {_limits()}",
    )
    parser.add_argument(
        "--fail-on",
        choices=FAILURES,
        metavar="WHAT",
        help="exit with 1 where the measured offset is beyond the limits (out-of-sync), or where any of its "
        "95 %% interval is (possibly-out-of-sync)",
    )
    _add_json(parser)
    _add_overwrite(parser)


def _add_search(parser: Parser) -> None:
    parser.add_argument(
        "--max-offset-ms",
        type=_search_range,
        default=OffsetConfig().max_offset_ms,
        metavar="MS",
        help="search from -MS to +MS (default: %(default)g)",
    )
    parser.add_argument(
        "--whole",
        action="store_true",
        help="read all of a file of more than a minute, not only as much as its offset and drift need",
    )
    _add_audio_stream(parser)


def _add_audio_stream(parser: Parser) -> None:
    parser.add_argument(
        "--audio-stream",
        type=int,
        metavar="N",
        help="which sound of the file, by the number that avsync info prints (default: FFmpeg's choice)",
    )


def _limits() -> str:
    return ", ".join(f"{one.name} {one.lag_ms:+g} to {one.lead_ms:+g} ms" for one in STANDARDS)


def _add_correct(parser: Parser) -> None:
    parser.add_argument("file", metavar="IN", help="video file")
    parser.add_argument("out", metavar="OUT", help="file to write; its suffix chooses the container")
    parser.add_argument(
        "--offset-ms",
        type=_number,
        metavar="MS",
        help="undo this offset instead of the measured one (with --drift-ppm or --step: that at the first "
        "picture, 0 unless given)",
    )
    parser.add_argument(
        "--drift-ppm",
        type=_number,
        metavar="P",
        help="undo an offset that grows by P/1000 ms a second from the first picture on",
    )
    parser.add_argument(
        "--step",
        type=_step,
        action="append",
        default=[],
        metavar="SECONDS:MS",
        help="from this time of the picture on, undo this offset; may be given several times",
    )
    _add_search(parser)
    parser.add_argument("--dry-run", action="store_true", help="measure and say what would be done")
    _add_json(parser)
    _add_overwrite(parser)


def _add_align(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="video or audio file")
    _add_transcript(parser)
    parser.add_argument(
        "-o",
        "--output",
        nargs="+",
        action="extend",
        default=[],
        metavar="OUT",
        help=f"files to write: {SUFFIXES}",
    )
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        help="what the times in files follow (default: the sound; the picture in .csv; .json has both)",
    )
    parser.add_argument(
        "--modality",
        choices=MODALITIES,
        default=MODALITIES[0],
        help="what to listen to and look at (default: %(default)s)",
    )
    _add_audio_stream(parser)
    _add_json(parser)
    _add_overwrite(parser)


def _add_annotate(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="video file")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="video to write: .mp4 or .mov")
    _add_transcript(parser)
    _add_audio_stream(parser)
    _add_overwrite(parser)


def _add_sample(parser: Parser) -> None:
    parser.add_argument("out", metavar="OUT", help="video to write")
    parser.add_argument("--text", metavar="T", help="what is said: the text of a bundled recording")
    parser.add_argument("--offset-ms", type=_number, metavar="MS", help="hidden offset (default: 0)")
    parser.add_argument("--fps", type=_positive, metavar="F", help="frames a second (default: 25)")
    _add_overwrite(parser)


def _add_info(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="media file")
    _add_json(parser)


def _add_transcript(parser: Parser) -> None:
    words = parser.add_mutually_exclusive_group(required=True)
    words.add_argument("--text", metavar="T", help="the words that are spoken")
    words.add_argument(
        "--transcript",
        metavar="F",
        help="a text file that holds them, or a .srt, .vtt, .ass, .TextGrid or Whisper's .json, whose times "
        "are used as hints",
    )
    parser.add_argument(
        "--lexicon",
        metavar="F",
        help="your own pronunciations, a word and its ARPAbet phones a line: KYIV  K IY IH V",
    )


def _add_json(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object a file, one a line")


def _add_overwrite(parser: Parser) -> None:
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is no finite number")
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _step(text: str) -> tuple[float, float]:
    seconds, _, ms = text.partition(":")
    try:
        return _number(seconds), _number(ms)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is no step such as 12.5:-80 (seconds:ms)") from error


def _search_range(text: str) -> float:
    value = _number(text)
    try:
        OffsetConfig(max_offset_ms=value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return value


def _suffix(suffix: str) -> Callable[[str], str]:
    def check(name: str) -> str:
        if not name.lower().endswith(suffix):
            raise argparse.ArgumentTypeError(f"{name} does not end in {suffix}")
        return name

    return check


# argparse names the type in its message where float() itself fails: "invalid number value: 'x'".
_number.__name__ = _positive.__name__ = _search_range.__name__ = "number"
