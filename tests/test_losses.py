"""Losses against loops, analytic values and the sum over all CTC paths."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from avsync import encoders, losses

STRENGTH = 0.3


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_steps_are_the_ratio_of_the_rates():
    assert losses.STEPS * encoders.LIP_RATE == encoders.SPEECH_RATE


def test_lag_similarity_is_the_loop_over_steps_and_lags():
    lips, speech = random(2, 5, 3), random(2, 4 * 4 + 7, 3, seed=1)
    similarity, known = losses.lag_similarity(lips, speech, torch.ones(2, 23, dtype=torch.bool))
    assert similarity.shape == known.shape == (2, 5, 7)
    assert known.all()
    for b, t, k in itertools.product(range(2), range(5), range(7)):
        assert similarity[b, t, k].item() == pytest.approx(
            float(lips[b, t] @ speech[b, 4 * t + k]), abs=1e-12
        )


def test_unknown_speech_is_neutral():
    lips, speech = random(1, 4, 3), random(1, 4 * 3 + 6, 3, seed=1)
    known_speech = torch.ones(1, 18, dtype=torch.bool)
    known_speech[:, :7] = False
    similarity, known = losses.lag_similarity(lips, speech, known_speech)
    for t in range(4):
        inside = [k for k in range(6) if 4 * t + k >= 7]
        values = [float(lips[0, t] @ speech[0, 4 * t + k]) for k in inside]
        mean = sum(values) / len(values) if values else 0.0
        for k in range(6):
            assert bool(known[0, t, k]) == (k in inside)
            expected = values[inside.index(k)] if k in inside else mean
            assert similarity[0, t, k].item() == pytest.approx(expected, abs=1e-12)
    # What stands in unknown steps is never seen.
    speech[:, :7] = 1e9
    torch.testing.assert_close(losses.lag_similarity(lips, speech, known_speech)[0], similarity)


def planted(lag, steps=20, lags=21):
    """Similarity of 1 at `lag` (fractional) that falls off over two lags; the same at every step."""
    curve = torch.exp(-0.5 * ((torch.arange(lags, dtype=torch.float64) - lag) / 1.5) ** 2)
    return curve.expand(1, steps, lags)


@pytest.mark.parametrize("window", [1, 5, 20, 99])
@pytest.mark.parametrize("lag", [4.0, 11.5])
def test_time_shift_loss_is_smallest_for_the_planted_lag(window, lag):
    ones = torch.ones(1, 20, dtype=torch.float64)
    candidates = np.arange(0, 20.5, 0.5)
    values = [
        losses.time_shift_loss(
            5 * planted(lag), ones, ones, torch.tensor([target]), window=window, width=1.5
        ).item()
        for target in candidates
    ]
    assert candidates[int(np.argmin(values))] == lag


def test_time_shift_loss_is_the_cross_entropy_of_the_window_sums():
    similarity = random(1, 3, 4)
    target, width = torch.tensor([1.2], dtype=torch.float64), 0.7
    ones = torch.ones(1, 3, dtype=torch.float64)
    weights = [math.exp(-0.5 * ((k - 1.2) / 0.7) ** 2) for k in range(4)]
    soft = [weight / sum(weights) for weight in weights]
    total = 0.0
    for first in (0, 1):  # windows of steps 0, 1 and of steps 1, 2
        logits = [
            float(similarity[0, first, k] + similarity[0, first + 1, k]) / math.sqrt(2) for k in range(4)
        ]
        normaliser = math.log(sum(math.exp(logit) for logit in logits))
        total += -sum(share * (logit - normaliser) for share, logit in zip(soft, logits, strict=True))
    loss = losses.time_shift_loss(similarity, ones, ones, target, window=2, width=width)
    assert loss.item() == pytest.approx(total / 2, abs=1e-9)


def test_time_shift_loss_of_no_evidence_is_the_logarithm_of_the_number_of_lags():
    ones = torch.ones(2, 6, dtype=torch.float64)
    flat = torch.zeros(2, 6, 9, dtype=torch.float64)
    loss = losses.time_shift_loss(
        flat, ones, ones, torch.tensor([4.0, 1.0], dtype=torch.float64), window=3, width=1.0
    )
    assert loss.item() == pytest.approx(math.log(9), abs=1e-9)


def test_time_shift_loss_asks_nothing_of_steps_without_mouth_or_speech():
    similarity = random(1, 12, 9)
    found, speaking = torch.ones(2, 1, 12, dtype=torch.float64)
    speaking[:, 6:] = 0
    target = torch.tensor([4.0])
    one = losses.time_shift_loss(similarity, found, speaking, target, window=1, width=1.0)
    similarity[:, 6:] = 50 * random(1, 6, 9, seed=3)
    two = losses.time_shift_loss(similarity, found, speaking, target, window=1, width=1.0)
    assert one.item() == pytest.approx(two.item())
    # A step without a mouth is left out of its window's sum and count.
    found[:, 3] = 0
    ten = losses.time_shift_loss(similarity, found, found, target, window=12, width=1.0)
    kept = [t for t in range(12) if t != 3]
    nine = losses.time_shift_loss(
        similarity[:, kept], found[:, kept], found[:, kept], target, window=11, width=1.0
    )
    assert ten.item() == pytest.approx(nine.item())


def test_time_shift_loss_without_any_speech_is_zero_and_has_no_nan_gradient():
    similarity = random(1, 5, 7).requires_grad_()
    zeros = torch.zeros(1, 5, dtype=torch.float64)
    loss = losses.time_shift_loss(similarity, zeros, zeros, torch.tensor([3.0]), window=5, width=1.0)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(similarity.grad, torch.zeros_like(similarity))


def collapsed(path):
    return tuple(unit for unit, _ in itertools.groupby(path) if unit)


def all_paths(scores_TV, target, prior_V, strength):
    """-log of the sum over every path that spells `target` of exp(sum of scores - strength x log prior)."""
    adjusted = scores_TV - strength * prior_V
    totals = [
        torch.stack([adjusted[t, unit] for t, unit in enumerate(path)]).sum()
        for path in itertools.product(range(scores_TV.shape[1]), repeat=len(scores_TV))
        if collapsed(path) == target
    ]
    return -torch.logsumexp(torch.stack(totals), 0)


CASES = [(6, (1, 2, 2)), (6, (3,)), (4, (2, 1)), (5, (1, 1, 3)), (6, (1, 2, 3, 1))]
"""Frames that count, and the target."""


def ctc_problem(cases, seed=0):
    logits = random(len(cases), 6, 4, seed=seed).requires_grad_()
    lengths = torch.tensor([frames for frames, _ in cases])
    targets = torch.zeros(len(cases), 4, dtype=torch.long)
    for row, (_, target) in zip(targets, cases, strict=True):
        row[: len(target)] = torch.tensor(target)
    counts = torch.tensor([len(target) for _, target in cases])
    prior = torch.log_softmax(random(4, seed=9), 0)
    return logits, lengths, targets, counts, prior


@pytest.mark.parametrize("strength", [0.0, STRENGTH, 1.0])
def test_ctc_with_priors_and_its_gradient_are_the_sum_over_all_paths(strength):
    logits, lengths, targets, counts, prior = ctc_problem(CASES)
    loss = losses.ctc_with_priors(logits.log_softmax(2), lengths, targets, counts, prior, strength=strength)
    (gradient,) = torch.autograd.grad(loss, logits)
    scores = logits.log_softmax(2)
    expected = torch.stack(
        [
            all_paths(scores[b, :frames], target, prior, strength) / len(target)
            for b, (frames, target) in enumerate(CASES)
        ]
    ).mean()
    (expected_gradient,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(loss, expected, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(gradient, expected_gradient, atol=1e-10, rtol=1e-8)


def test_ctc_without_prior_is_that_of_torch():
    logits, lengths, targets, counts, prior = ctc_problem(CASES)
    scores = logits.log_softmax(2)
    loss = losses.ctc_with_priors(scores, lengths, targets, counts, prior, strength=0.0)
    expected = functional.ctc_loss(scores.transpose(0, 1), targets, lengths, counts, reduction="mean")
    torch.testing.assert_close(loss, expected)


def test_ctc_does_not_see_padded_frames_and_padded_targets():
    logits, lengths, targets, counts, prior = ctc_problem([(4, (2, 1)), (5, (1, 1, 3))])
    loss = losses.ctc_with_priors(logits.log_softmax(2), lengths, targets, counts, prior, strength=STRENGTH)
    changed = logits.detach().clone()
    changed[0, 4:] = 30 * random(2, 4, seed=4)
    changed[1, 5:] = 30 * random(1, 4, seed=5)
    changed.requires_grad_()
    targets = targets.clone()
    targets[0, 2:] = 3
    again = losses.ctc_with_priors(changed.log_softmax(2), lengths, targets, counts, prior, strength=STRENGTH)
    torch.testing.assert_close(again, loss)
    (gradient,) = torch.autograd.grad(again, changed)
    assert gradient[0, 4:].abs().max() == 0
    assert gradient[1, 5:].abs().max() == 0


def test_ctc_of_a_target_that_does_not_fit_is_zero_without_nan():
    cases = [(3, (1, 1, 2)), (6, (3,))]  # the first needs four frames: a blank must part equal units
    logits, lengths, targets, counts, prior = ctc_problem(cases)
    loss = losses.ctc_with_priors(logits.log_softmax(2), lengths, targets, counts, prior, strength=STRENGTH)
    alone = losses.ctc_with_priors(
        logits[1:].log_softmax(2), lengths[1:], targets[1:], counts[1:], prior, strength=STRENGTH
    )
    torch.testing.assert_close(loss, alone / 2)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.equal(gradient[0], torch.zeros(6, 4, dtype=torch.float64))
    assert gradient[1].isfinite().all()
    assert gradient[1].abs().max() > 0


def test_ctc_of_silence_is_the_score_of_blanks_alone():
    logits, lengths, targets, _, prior = ctc_problem([(6, ())])
    scores = logits.log_softmax(2)
    loss = losses.ctc_with_priors(scores, lengths, targets, torch.tensor([0]), prior, strength=STRENGTH)
    torch.testing.assert_close(loss, -(scores[0, :, 0] - STRENGTH * prior[0]).sum())


def test_a_prior_makes_up_for_a_frequent_blank():
    # Scores that are nothing but the prior, taken off at full strength, leave every path equal.
    prior = torch.log(torch.tensor([0.97, 0.01, 0.01, 0.01], dtype=torch.float64))
    scores = prior.expand(1, 6, 4)
    counts = torch.tensor([1])
    loss = losses.ctc_with_priors(scores, torch.tensor([6]), torch.tensor([[2]]), counts, prior, strength=1.0)
    paths = sum(collapsed(path) == (2,) for path in itertools.product(range(4), repeat=6))
    assert loss.item() == pytest.approx(-math.log(paths))


def coded_clips(clips, steps, lags, true_lag):
    """Lips and speech of clips whose step t fits only its own speech step, 4 t + true_lag, by 2."""
    codes = torch.eye(clips * steps, dtype=torch.float64).reshape(clips, steps, -1)
    speech = torch.zeros(clips, 4 * (steps - 1) + lags, clips * steps, dtype=torch.float64)
    speech[:, true_lag : true_lag + 4 * steps : 4] = 2 * codes
    return codes, speech


def alignments(frames, units):
    """Every way to give each of `units` one frame or more: the unit of each frame."""
    for cuts in itertools.combinations(range(1, frames), units - 1):
        edges = (0, *cuts, frames)
        yield [n for n in range(units) for _ in range(edges[n + 1] - edges[n])]


def test_forward_sum_and_its_gradient_are_the_sum_over_all_monotonic_alignments():
    logits = random(2, 6, 4).requires_grad_()
    lengths, counts = torch.tensor([6, 4]), torch.tensor([3, 2])
    targets = torch.tensor([[2, 0, 3], [1, 2, 0]])
    loss = losses.forward_sum_loss(logits.log_softmax(2), lengths, targets, counts)
    (gradient,) = torch.autograd.grad(loss, logits)
    total = 0.0
    for b in range(2):
        frames, units = int(lengths[b]), int(counts[b])
        ways = [
            sum(logits.log_softmax(2)[b, t, targets[b, n]] for t, n in enumerate(way))
            for way in alignments(frames, units)
        ]
        assert len(ways) == math.comb(frames - 1, units - 1)
        total = total - torch.logsumexp(torch.stack(ways), 0) / frames / 2
    torch.testing.assert_close(loss, total)
    torch.testing.assert_close(gradient, torch.autograd.grad(total, logits)[0])


def test_forward_sum_of_a_sequence_that_does_not_fit_is_zero_without_nan():
    logits = random(3, 3, 4).requires_grad_()
    targets = torch.tensor([[1, 2, 3, 1], [1, 0, 0, 0], [1, 0, 0, 0]])
    counts, lengths = torch.tensor([4, 0, 1]), torch.tensor([3, 3, 0])
    loss = losses.forward_sum_loss(logits.log_softmax(2), lengths, targets, counts)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_cross_lag_loss_counts_the_lags_of_the_own_and_of_other_clips():
    lips, speech = coded_clips(3, 4, 9, 3)
    whole, every = torch.ones(3, 4, dtype=torch.float64), torch.ones(speech.shape[:2], dtype=torch.bool)
    target = torch.full((3,), 3.0, dtype=torch.float64)
    sums = 2 * 4 / math.sqrt(4)  # all four steps fit, over the root of their number
    for others in (0, 1, 2, 7):  # no more others than there are
        loss = losses.cross_lag_loss(lips, speech, every, whole, whole, target, others=others, width=1e-3)
        rivals = 9 * (min(others, 2) + 1) - 1
        assert loss.item() == pytest.approx(math.log(math.exp(sums) + rivals) - sums)


def test_cross_lag_loss_is_high_for_the_sound_of_another_clip_and_asks_nothing_of_silence():
    lips, speech = coded_clips(3, 4, 9, 3)
    every = torch.ones(speech.shape[:2], dtype=torch.bool)
    whole = torch.ones(3, 4, dtype=torch.float64)
    target = torch.full((3,), 3.0, dtype=torch.float64)

    def loss(sound, speaking):
        return losses.cross_lag_loss(lips, sound, every, whole, speaking, target, others=2, width=1e-3)

    assert loss(speech, whole) < math.log(27) < loss(speech.roll(1, 0), whole)
    wrong = speech.clone()
    wrong[1] = 0
    quiet = whole.clone()
    quiet[1] = 0
    assert loss(wrong, whole) > loss(wrong, quiet)
    assert loss(wrong, 0 * whole) == 0


def test_frame_loss_is_the_mean_over_known_frames():
    log_probs = random(2, 3, 4).log_softmax(2).requires_grad_()
    targets = torch.tensor([[1, -1, 0], [-1, -1, 3]])
    loss = losses.frame_loss(log_probs, targets)
    expected = -(log_probs[0, 0, 1] + log_probs[0, 2, 0] + log_probs[1, 2, 3]) / 3
    torch.testing.assert_close(loss, expected)
    (gradient,) = torch.autograd.grad(loss, log_probs)
    assert gradient[targets == -1].abs().max() == 0


def test_frame_loss_without_any_known_frame_is_zero():
    log_probs = random(2, 3, 4).log_softmax(2).requires_grad_()
    loss = losses.frame_loss(log_probs, torch.full((2, 3), -1))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(log_probs.grad, torch.zeros_like(log_probs))
