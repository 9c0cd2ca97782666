"""One thread inside the block, as many as before behind it."""

import pytest
import torch
from threadpoolctl import threadpool_info

from avsync.threads import one_thread


def counts():
    return torch.get_num_threads(), [pool["num_threads"] for pool in threadpool_info()]


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_inside_there_is_one_thread():
    before = counts()
    with one_thread():
        torch_threads, pools = counts()
        assert torch_threads == 1
        assert set(pools) <= {1}
    assert counts() == before


def test_a_failure_inside_gives_the_threads_back():
    before = counts()
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert counts() == before
