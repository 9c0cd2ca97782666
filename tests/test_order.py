"""The order of an epoch: complete, shuffled near its shards, fair to every rank, and resumable anywhere."""

import pickle

import numpy as np
import pytest

from avsync.errors import ConfigError
from avsync.order import ClipSampler, Draw, OrderConfig, generator


def sampler(count=103, *, shards=None, lengths=None, **how):
    return ClipSampler(count, OrderConfig(**{"batch_size": 8, **how}), shards=shards, lengths=lengths)


def flat(batches):
    return [int(index) for batch in batches for index in batch]


def pairs(batches):
    return [[(int(draw), draw.epoch) for draw in batch] for batch in batches]


@pytest.mark.parametrize("lengths", [None, np.random.default_rng(0).uniform(1, 9, 103)])
@pytest.mark.parametrize("shards", [None, [20, 1, 40, 0, 42]])
def test_an_epoch_holds_every_clip_once(shards, lengths):
    order = sampler(shards=shards, lengths=lengths)
    batches = list(order)
    assert sorted(flat(batches)) == list(range(103))
    assert [len(batch) for batch in batches] == [8] * 12 + [7]
    assert len(order) == 13


def test_epochs_and_seeds_differ_and_are_repeated():
    order, again, other = sampler(), sampler(), sampler(seed=1)
    first, second = flat(order), flat(order)
    assert first != second
    assert (flat(again), flat(again)) == (first, second)
    assert flat(other) != first
    assert first != sorted(first)
    assert {draw.epoch for batch in order for draw in batch} == {2}


def test_without_shuffling_the_order_is_that_of_the_data_in_every_epoch():
    order = sampler(shuffle=False, shards=[50, 53])
    assert flat(order) == flat(order) == list(range(103))


def test_only_a_few_shards_are_read_at_a_time():
    order = sampler(400, shards=[20] * 20, window=3)
    read = [index // 20 for index in flat(order)]
    for start in range(0, 360, 60):
        window = read[start : start + 60]
        assert len(set(window)) == 3
        assert len(set(window[:20])) > 1  # mixed, not one after the other
    assert read[:60] != sorted(read[:60])
    firsts = list(dict.fromkeys(read))
    assert firsts != sorted(firsts)


def test_like_lengths_share_a_batch_and_batches_come_in_any_order():
    lengths = np.random.default_rng(0).uniform(1, 10, 800)

    def wasted(order):
        return np.mean([1 - lengths[list(batch)].mean() / lengths[list(batch)].max() for batch in order])

    mixed, sorted_by = sampler(800), sampler(800, lengths=lengths)
    assert wasted(mixed) > 0.3
    assert wasted(sorted_by) < 0.05
    means = [lengths[list(batch)].mean() for batch in sorted_by]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.5


@pytest.mark.parametrize("world", [2, 3, 7])
@pytest.mark.parametrize("drop_last", [False, True])
def test_ranks_share_an_epoch_with_equal_counts(world, drop_last):
    lengths = np.random.default_rng(0).uniform(1, 9, 103)
    ranks = [
        sampler(lengths=lengths, rank=rank, world_size=world, drop_last=drop_last) for rank in range(world)
    ]
    batches = [list(order) for order in ranks]
    sizes = [[len(batch) for batch in mine] for mine in batches]
    assert all(mine == sizes[0] for mine in sizes)
    assert len(batches[0]) == len(ranks[0])
    seen = [index for mine in batches for index in flat(mine)]
    if drop_last:
        assert len(seen) == len(set(seen)) == 103 // (8 * world) * 8 * world
    else:
        assert set(seen) == set(range(103))
        assert len(seen) - 103 == -103 % world
    # Batch k is of about one length in every rank.
    for together in list(zip(*batches, strict=True))[: 103 // (8 * world)]:
        means = [lengths[list(batch)].mean() for batch in together]
        assert max(means) - min(means) < 1


def test_more_ranks_than_clips_still_have_equal_counts():
    batches = [list(sampler(3, rank=rank, world_size=8)) for rank in range(8)]
    assert [[len(batch) for batch in mine] for mine in batches] == [[1]] * 8
    assert {index for mine in batches for index in flat(mine)} == {0, 1, 2}


@pytest.mark.parametrize("after", [0, 1, 6, 12, 13, 14, 20])
def test_a_resumed_order_goes_on_with_exactly_the_rest(after):
    lengths = np.random.default_rng(1).uniform(1, 9, 103)
    how = {"shards": [50, 53], "lengths": lengths, "seed": 3}

    def endless(order):
        while True:
            yield from order

    whole = endless(sampler(**how))
    expected = pairs(next(whole) for _ in range(30))
    broken = sampler(**how)
    stream = endless(broken)
    begun = pairs(next(stream) for _ in range(after))
    resumed = sampler(**how)
    resumed.load_state_dict(pickle.loads(pickle.dumps(broken.state_dict())))
    rest = endless(resumed)
    assert begun + pairs(next(rest) for _ in range(30 - after)) == expected


def test_an_iteration_broken_off_is_gone_on_with():
    order = sampler()
    whole = flat(sampler())
    begun = next(iter(order))
    assert flat([begun]) + flat(order) == whole
    order.set_epoch(0)
    assert flat(order) == whole


@pytest.mark.parametrize("change", [{"seed": 5}, {"batch_size": 4}, {"window": 2}, {"world_size": 2}])
def test_the_state_of_another_order_is_refused(change):
    state = sampler().state_dict()
    (name,) = change
    with pytest.raises(ConfigError, match=f"another one .{name} .* Resume with the same"):
        sampler(**change).load_state_dict(state)
    with pytest.raises(ConfigError, match="clips 103 is now 104"):
        sampler(104).load_state_dict(state)
    swapped = ClipSampler(6, OrderConfig(batch_size=2), shards=[4, 2])
    with pytest.raises(ConfigError, match=r"shards \[2, 4\] is now \[4, 2\]"):
        swapped.load_state_dict(ClipSampler(6, OrderConfig(batch_size=2), shards=[2, 4]).state_dict())
    with pytest.raises(ConfigError, match=r"lengths 0\.0 is now"):
        sampler(lengths=np.ones(103)).load_state_dict(state)


def test_every_rank_resumes_from_the_state_of_the_first():
    first = sampler(rank=0, world_size=2)
    next(iter(first))
    second = sampler(rank=1, world_size=2)
    second.load_state_dict(first.state_dict())
    assert pairs(second) == pairs(list(sampler(rank=1, world_size=2))[1:])


def test_a_draw_is_an_integer_that_keeps_its_epoch():
    draw = pickle.loads(pickle.dumps(Draw(7, 3)))
    assert (draw, draw.epoch, list(range(10))[draw]) == (7, 3, 7)


def test_random_numbers_depend_on_seed_epoch_and_index_alone():
    def numbers(seed, index):
        return generator(seed, index).random(3).tolist()

    assert numbers(1, Draw(5, 2)) == numbers(1, Draw(5, 2))
    assert numbers(1, 5) == numbers(1, Draw(5, 0))
    different = [
        numbers(1, Draw(5, 2)),
        numbers(2, Draw(5, 2)),
        numbers(1, Draw(5, 1)),
        numbers(1, Draw(2, 5)),
    ]
    assert len({tuple(drawn) for drawn in different}) == 4


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 0}, {"window": 0}, {"pool": 0}, {"rank": 1}, {"world_size": 0}, {"seed": -1}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match=str(next(iter(wrong)))):
        OrderConfig(**{"batch_size": 8, **wrong})


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="hold 100 clips instead of 103"):
        sampler(shards=[50, 50])
    with pytest.raises(ConfigError, match="5 lengths for 103"):
        sampler(lengths=np.ones(5))
    with pytest.raises(ConfigError, match="0 clips make no batch"):
        sampler(0)
    with pytest.raises(ConfigError, match="15 clips make no batch of 8 x 2"):
        sampler(15, drop_last=True, world_size=2)
