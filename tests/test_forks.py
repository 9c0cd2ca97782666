"""A file that was read before a fork can be read in the child, which neither hangs nor crashes."""

import gc
import multiprocessing
import os
import sys
import threading

import numpy as np
import pytest

from avsync import media

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def in_child(work) -> int:
    """Exit status of a forked child that does `work`: 0 for success, minus the signal that ended it."""
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.timeout(60)
def test_files_of_the_parent_in_the_child(flash_and_beep):
    path = flash_and_beep("mp4", seconds=4.0).path
    clip = media.load(path)
    expected = clip.frames[70].copy()
    reader = media.open(path)
    windows = reader.windows(seconds=0.5)
    next(windows)
    reader.read(2.0, 2.5)
    batches = clip.frames.batches(4)
    next(batches)

    def work() -> None:
        np.testing.assert_array_equal(clip.frames[70], expected)
        assert len(reader.read(2.0, 2.5).frames) == 13
        held = [media.load(path) for _ in range(3)]
        del held
        gc.collect()

    def drop_everything() -> None:
        nonlocal clip, reader, windows, batches
        del clip, reader, windows, batches
        gc.collect()
        media.load(path)

    # This test's own frame keeps what it opened: each child gets a copy of all of it.
    assert in_child(work) == 0
    assert in_child(drop_everything) == 0
    assert next(windows).interval == (1.0, 1.5)
    np.testing.assert_array_equal(clip.frames[70], expected)


def number_of_frames(path) -> int:
    return len(media.load(path).frame_times)


@pytest.mark.timeout(60)
def test_a_pool_of_forked_processes(flash_and_beep):
    path = flash_and_beep("mp4", seconds=4.0).path
    clip = media.load(path)
    list(clip.frames.batches(10))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(number_of_frames, [path] * 6) == [100] * 6
    assert clip.frames[99].shape == (64, 128, 3)


@pytest.mark.timeout(60)
def test_a_clip_that_another_thread_reads_can_be_read_in_the_child(flash_and_beep):
    frames = media.load(flash_and_beep("mp4").path).frames
    expected, held, done = frames[3], threading.Event(), threading.Event()

    def hold() -> None:
        with frames._lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        assert in_child(lambda: np.testing.assert_array_equal(frames[3], expected)) == 0
    finally:
        done.set()
        thread.join()
