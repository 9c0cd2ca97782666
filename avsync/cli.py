"""The program `avsync`: results on stdout; progress, warnings and errors, one line each, on stderr.

Exit codes: 0 done; 2 bad input or usage, nothing written; 3 undetermined: the tool abstains and says why;
1 measured and out of sync, where `avsync offset --fail-on` asks for it.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from avsync import export, report, wording
from avsync.align import align
from avsync.arguments import UsageError, parse
from avsync.choice import other_sounds
from avsync.errors import AVSyncError, MediaError, UndeterminedError
from avsync.excerpts import load_short, opening
from avsync.glance import glance
from avsync.media import probe
from avsync.offset import Offset, detect_offset, judged
from avsync.outputs import check_output, same_file
from avsync.plot import plot_offset, require_matplotlib
from avsync.remux import correct
from avsync.render import annotate
from avsync.sample import render_sample
from avsync.standards import find as find_standard
from avsync.threads import one_thread
from avsync.transcripts import Transcript, read_transcript

DONE, OUT_OF_SYNC, BAD, UNDETERMINED, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 3, 130, 141


@dataclass(frozen=True, slots=True)
class Result:
    """What a command found out about one file, for programs and for people."""

    json: report.JsonObject
    text: str
    code: int = DONE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    if sys.stdout is None:
        _complain("error", "the standard output is closed, and results go there. Open it: > FILE")
        return BAD
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file name may hold what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    try:
        arguments = parse(argv)
        with one_thread():
            code = COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
        return code
    except UsageError as error:
        _complain("error", str(error))
        return BAD
    except KeyboardInterrupt:
        _complain("error", "interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader is gone (`| head`): nothing more to say, not even when Python flushes at its exit.
        _write_no_more()
        return PIPE_CLOSED
    except OSError as error:  # those of files are told where they happen
        _complain("error", f"the results cannot be written ({error.strerror or error}). Is the disk full?")
        _write_no_more()
        return BAD


def _write_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def offset_command(arguments: Namespace) -> int:
    """`avsync offset`: each file's offset."""
    if arguments.plot is not None and len(arguments.file) > 1:
        raise UsageError(f"--plot draws one file, not {len(arguments.file)}; run it for each file")
    files = tqdm(arguments.file, unit="file", disable=None if len(arguments.file) > 1 else True, leave=False)
    codes = [_attempt(arguments, file, _measure) for file in files]
    return next((code for code in (BAD, UNDETERMINED, OUT_OF_SYNC) if code in codes), DONE)


def correct_command(arguments: Namespace) -> int:
    """`avsync correct`: a file with the offset undone, and what remains of it."""
    return _attempt(arguments, arguments.file, _correct)


def align_command(arguments: Namespace) -> int:
    """`avsync align`: when each word is said and seen."""
    return _attempt(arguments, arguments.file, _align)


def annotate_command(arguments: Namespace) -> int:
    """`avsync annotate`: the video with words, mouth box and offset meter."""
    return _attempt(arguments, arguments.file, _annotate)


def sample_command(arguments: Namespace) -> int:
    """`avsync sample`: a clip whose truth is known."""
    return _attempt(arguments, arguments.out, _sample)


def info_command(arguments: Namespace) -> int:
    """`avsync info`: what is in a file."""
    return _attempt(arguments, arguments.file, _info)


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "offset": offset_command,
    "correct": correct_command,
    "align": align_command,
    "annotate": annotate_command,
    "sample": sample_command,
    "info": info_command,
}


def _measure(arguments: Namespace, file: str) -> Result:
    if arguments.plot is not None:
        require_matplotlib()
        check_output(arguments.plot, file, overwrite=arguments.overwrite)
    stream = arguments.audio_stream
    clip = load_short(Path(file), stream)  # a long file is not loaded; its beginning tells of its streams
    measured = Path(file) if clip is None else clip
    search = {"max_offset_ms": arguments.max_offset_ms, "whole": arguments.whole, "audio_stream": stream}
    found = judged(detect_offset(measured, **search), find_standard(arguments.standard))
    if arguments.plot is not None:
        plot_offset(found, Path(arguments.plot), title=Path(file).name, overwrite=arguments.overwrite)
    shown = opening(Path(file), stream) if clip is None else clip
    return Result(
        report.offset_json(file, found, shown),
        wording.offset_text(file, found, other_sounds(shown.info)),
        _offset_code(found, arguments.fail_on),
    )


def _offset_code(found: Offset, fail_on: str | None) -> int:
    """The exit code of one offset: that of a part beyond the limits counts like that of the whole."""
    if found.ms is None:
        return UNDETERMINED
    stated = [found.ms, *(segment.offset_ms for segment in found.segments)]
    if found.line is not None and not found.line.constant:
        stated += [ms for piece in found.line.pieces for ms in found.line.ends_of(piece)]
    if fail_on == "possibly-out-of-sync" and found.ci_ms is not None:
        stated += found.ci_ms
    good = all(found.standard.verdict(ms) == "in_sync" for ms in stated)
    return DONE if good or fail_on is None else OUT_OF_SYNC


def _correct(arguments: Namespace, file: str) -> Result:
    check_output(arguments.out, file, overwrite=arguments.overwrite or arguments.dry_run)
    try:
        done = correct(
            file,
            arguments.out,
            offset_ms=arguments.offset_ms,
            drift_ppm=arguments.drift_ppm,
            steps=arguments.step,
            max_offset_ms=arguments.max_offset_ms,
            whole=arguments.whole,
            audio_stream=arguments.audio_stream,
            dry_run=arguments.dry_run,
            overwrite=arguments.overwrite or arguments.dry_run,
        )
    except UndeterminedError as error:
        text = f"{file}: undetermined: {wording.describe_reason(error.reason)}; nothing was written"
        return Result(report.correction_json(file, None, error.reason), text, UNDETERMINED)
    text = wording.correction_text(file, arguments.out, done, dry_run=arguments.dry_run)
    return Result(report.correction_json(file, done), text)


def _align(arguments: Namespace, file: str) -> Result:
    transcript = _transcript(arguments)
    _check_different(arguments.output)
    for target in arguments.output:
        check_output(target, file, arguments.transcript, arguments.lexicon, overwrite=arguments.overwrite)
        export.check_suffix(target)
    found = align(
        file,
        transcript,
        modality=arguments.modality,
        lexicon=arguments.lexicon,
        audio_stream=arguments.audio_stream,
    )
    files = {target: export.render(found, target, arguments.clock) for target in arguments.output}
    export.store(files, overwrite=arguments.overwrite)
    written = "".join(f"\nwrote {target}" for target in arguments.output)
    return Result({**export.to_json_dict(found), "file": file}, wording.alignment_text(found) + written)


def _annotate(arguments: Namespace, file: str) -> Result:
    transcript = _transcript(arguments)
    check_output(
        arguments.output, file, arguments.transcript, arguments.lexicon, overwrite=arguments.overwrite
    )
    found = annotate(
        file,
        arguments.output,
        transcript=transcript,
        lexicon=arguments.lexicon,
        audio_stream=arguments.audio_stream,
        overwrite=arguments.overwrite,
    )
    text = f"{wording.alignment_text(found)}\nwrote {arguments.output}"
    return Result({**export.to_json_dict(found), "file": file}, text)


def _sample(arguments: Namespace, target: str) -> Result:
    check_output(target, overwrite=arguments.overwrite)
    options = {"text": arguments.text, "offset_ms": arguments.offset_ms, "fps": arguments.fps}
    given = {name: value for name, value in options.items() if value is not None}
    truth = render_sample(target, **given, overwrite=arguments.overwrite)
    return Result({}, wording.sample_text(target, truth))


def _info(arguments: Namespace, file: str) -> Result:
    info = probe(file)
    parts, tracks, whole = glance(file, info)
    found = report.info_json(file, info, parts, tracks, whole=whole)
    return Result(found, wording.info_text(found))


def _attempt(arguments: Namespace, file: str, work: Callable[[Namespace, str], Result]) -> int:
    """Do the work on one file and print its result; what is wrong with a file costs only that file."""
    as_json = getattr(arguments, "json", False)
    told: list[str] = []
    try:
        if not file.strip():
            raise MediaError(f"{file!r} names no file. Give the name of a file.")
        with _warnings_into(told):
            result = work(arguments, file)
    except UndeterminedError as error:
        result = Result({"file": file, "error": str(error), "reason": error.reason}, str(error), UNDETERMINED)
    except (UsageError, BrokenPipeError):
        raise
    except Exception as error:
        message = _describe_error(arguments, file, error)
        _complain("error", message)  # alone: what was only a warning matters no more
        if as_json:
            print(report.to_line({"file": file, "error": message}), flush=True)
        return BAD
    for warning in told:
        _complain("warning", warning)
    print(report.to_line(result.json) if as_json else result.text, flush=True)
    return result.code


def _describe_error(arguments: Namespace, file: str, error: Exception) -> str:
    if isinstance(error, AVSyncError):
        return _one_line(str(error))
    if isinstance(error, OSError):
        return _one_line(f"{_meant(arguments, error.filename) or file}: {error.strerror or error}")
    if os.environ.get("AVSYNC_DEBUG"):
        traceback.print_exception(error)
    return _one_line(
        f"{file}: {type(error).__name__}: {error} (a defect of avsync; AVSYNC_DEBUG=1 shows where)"
    )


def _meant(arguments: Namespace, named: object) -> str | None:
    """The file that an `OSError` is about: an output instead of its temporary file (`media.atomic_path`)."""
    given = [getattr(arguments, option, None) for option in ("out", "plot", "output")]
    outputs = [name for value in given if value for name in ([value] if isinstance(value, str) else value)]
    if named is None:  # written to a file that was open already
        return outputs[0] if len(outputs) == 1 else None
    path = Path(str(named))
    for name in outputs:
        target = Path(os.path.abspath(name))  # as `trial_path` makes its names
        beside = path.parent == target.parent and path.suffix == target.suffix
        if beside and path.name.startswith(f".{target.stem[:40]}."):
            return str(name)
    return str(path)


def _check_different(outputs: Sequence[str]) -> None:
    for number, target in enumerate(outputs):
        if any(same_file(target, other) for other in outputs[:number]):
            raise UsageError(f"{target} is named twice as an output; name each once")


def _transcript(arguments: Namespace) -> Transcript:
    """The words of --text, or of the file of --transcript."""
    if arguments.text is not None:
        return Transcript(arguments.text)
    return read_transcript(arguments.transcript)


@contextmanager
def _warnings_into(told: list[str]) -> Iterator[None]:
    """Collect the Python warnings meant for the user, each text once and on one line."""

    def note(message: Warning | str, *_: object, **__: object) -> None:
        text = _one_line(str(message))
        if text not in told:
            told.append(text)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations of other packages are nothing to the user
        warnings.filterwarnings("always", category=UserWarning)
        warnings.showwarning = note
        yield


def _complain(kind: str, message: str) -> None:
    """One line on stderr; where that is closed nobody is told, and stdout stays for results."""
    if sys.stderr is not None:
        print(f"avsync: {kind}: {_one_line(message)}", file=sys.stderr, flush=True)


def _one_line(text: str) -> str:
    return " ".join(text.split())
