"""Training losses, as plain functions of tensors.

Shapes: B batch, T lip steps (40 ms), J speech steps (10 ms), D embedding, K lags, V phone units.
"""

from __future__ import annotations

import torch
from torch.nn import functional

STEPS = 4
"""Speech steps per lip step."""


def lag_similarity(
    lip_BTD: torch.Tensor, speech_BJD: torch.Tensor, known_BJ: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Similarity of each lip step with the speech at each lag, and where it is known: (B, T, K) both.

    K = J - 4 (T - 1), at least 1. Entry (t, k) is the dot product of lip step t with speech step 4 t + k.
    Where there is no sound (`known_BJ` False) nothing speaks for or against a lag: the entry is the mean
    over the known lags of its step, 0 where none is known.
    """
    lags = speech_BJD.shape[1] - STEPS * (lip_BTD.shape[1] - 1)
    product_BTJ = lip_BTD @ speech_BJD.transpose(1, 2)
    steps = torch.arange(lip_BTD.shape[1], device=lip_BTD.device)
    index_TK = STEPS * steps[:, None] + torch.arange(lags, device=lip_BTD.device)
    similarity_BTK = product_BTJ.gather(2, index_TK.expand(product_BTJ.shape[0], -1, -1))
    known_BTK = known_BJ[:, index_TK]
    count = known_BTK.sum(2, keepdim=True).clamp(min=1)
    mean = (similarity_BTK * known_BTK).sum(2, keepdim=True) / count
    return torch.where(known_BTK, similarity_BTK, mean), known_BTK


def time_shift_loss(
    similarity_BTK: torch.Tensor,
    found_BT: torch.Tensor,
    speaking_BT: torch.Tensor,
    target_B: torch.Tensor,
    *,
    window: int,
    width: float,
) -> torch.Tensor:
    """Cross-entropy over the lags of the same clip for each window of lip steps: a scalar.

    Multi-way matching, as Perfect Match (Chung et al., 2019). Logits grow with the square root of the found
    steps, as the evidence does.
    similarity_BTK: scaled similarities. found_BT: 0 or 1, is there a mouth. speaking_BT: 0 or 1; a window
    counts by its share of speaking steps, so that windows in which nobody speaks ask for nothing.
    target_B: true lag as a fractional index into K. window: lip steps in a window; T or more scores the whole
    clip. width: standard deviation of the soft target, in lags.
    """
    window = min(window, similarity_BTK.shape[1])
    count = _pool(found_BT[..., None], window).clamp(min=1.0)
    logits = _pool(similarity_BTK * found_BT[..., None], window) / count.sqrt()
    lags = torch.arange(similarity_BTK.shape[2], device=similarity_BTK.device)
    soft = torch.softmax(-0.5 * ((lags - target_B[:, None]) / width) ** 2, dim=1)
    entropy = -(soft[:, None] * functional.log_softmax(logits, dim=2)).sum(2)
    share = _pool(speaking_BT[..., None], window)[..., 0] / window
    return (entropy * share).sum() / share.sum().clamp(min=1e-6)


def _pool(x_BTK: torch.Tensor, window: int) -> torch.Tensor:
    """Sums over `window` consecutive steps, (B, T - window + 1, K)."""
    total = functional.pad(x_BTK.cumsum(1), (0, 0, 1, 0))
    return total[:, window:] - total[:, :-window]


def cross_lag_loss(
    lip_BTD: torch.Tensor,
    speech_BJD: torch.Tensor,
    known_BJ: torch.Tensor,
    found_BT: torch.Tensor,
    speaking_BT: torch.Tensor,
    target_B: torch.Tensor,
    *,
    others: int,
    width: float,
) -> torch.Tensor:
    """Cross-entropy of the true lag of a clip's own speech against all lags of all clips: a scalar.

    A wrong sound is met by the search with its best lag, so it is that which must stay below the truth.
    lip_BTD is scaled. known_BJ: bool, where there is sound. found_BT, speaking_BT: 0 or 1; clips in which
    nobody speaks ask for nothing. target_B: true lag as a fractional index into K. others: the speech of so
    many clips that follow in the batch is wrong. width: standard deviation of the soft target, in lags.
    """
    count_B = found_BT.sum(1).clamp(min=1.0)
    logits = []
    for turn in range(min(others, len(lip_BTD) - 1) + 1):
        similarity_BTK, _ = lag_similarity(lip_BTD, speech_BJD.roll(turn, 0), known_BJ.roll(turn, 0))
        logits.append((similarity_BTK * found_BT[..., None]).sum(1) / count_B.sqrt()[:, None])
    lags = torch.arange(logits[0].shape[1], device=lip_BTD.device)
    soft_BK = torch.softmax(-0.5 * ((lags - target_B[:, None]) / width) ** 2, dim=1)
    own = functional.log_softmax(torch.cat(logits, 1), dim=1)[:, : len(lags)]
    share_B = speaking_BT.mean(1)
    return -((soft_BK * own).sum(1) * share_B).sum() / share_B.sum().clamp(min=1e-6)


def ctc_with_priors(
    scores_BTV: torch.Tensor,
    lengths_B: torch.Tensor,
    targets_BL: torch.Tensor,
    target_lengths_B: torch.Tensor,
    log_prior_V: torch.Tensor,
    *,
    strength: float,
) -> torch.Tensor:
    """CTC of `scores - strength * log prior` per target unit, averaged over the batch: a scalar.

    Label priors keep the blank from swallowing the phones. torch's gradient of `ctc_loss` is only right for
    normalised input, so the adjusted scores are normalised and the normaliser, the same for every path, is
    taken out again.
    scores_BTV: log-probabilities of the network; index 0 is the blank. lengths_B: valid steps of each clip.
    targets_BL: units, of which the first target_lengths_B count; none asks for blanks alone. A clip too
    short for its targets counts as 0.
    """
    adjusted = scores_BTV - strength * log_prior_V
    normaliser_BT = adjusted.logsumexp(2)
    loss_B = functional.ctc_loss(
        (adjusted - normaliser_BT[..., None]).transpose(0, 1), targets_BL, lengths_B, target_lengths_B,
        blank=0, reduction="none", zero_infinity=True,
    )  # fmt: skip
    inside = torch.arange(scores_BTV.shape[1], device=scores_BTV.device) < lengths_B[:, None]
    feasible = loss_B > 0
    loss_B = torch.where(feasible, loss_B - (normaliser_BT * inside).sum(1), torch.zeros_like(loss_B))
    return (loss_B / target_lengths_B.clamp(min=1)).mean()


def forward_sum_loss(
    scores_BTV: torch.Tensor,
    lengths_B: torch.Tensor,
    targets_BL: torch.Tensor,
    target_lengths_B: torch.Tensor,
) -> torch.Tensor:
    """Minus the log of the sum over all monotonic alignments of frames with units, per frame: a scalar.

    As in one-TTS-alignment (Badlani et al., 2021), over phone scores: every unit takes one frame or more and
    there is no blank, so silence is a unit like the others.
    scores_BTV: log-probabilities. lengths_B: valid frames of each clip. targets_BL: units in order, of which
    the first target_lengths_B count. A clip with fewer frames than units, or without units, counts as 0.
    """
    frames, units = scores_BTV.shape[1], targets_BL.shape[1]
    emitted_TBL = scores_BTV.gather(2, targets_BL[:, None].expand(-1, frames, -1)).transpose(0, 1)
    never = torch.finfo(scores_BTV.dtype).min / 4  # finite: the gradient of -inf against -inf is not a number
    before_B1 = emitted_TBL.new_full((len(lengths_B), 1), never)
    first_L = torch.arange(units, device=lengths_B.device) == 0
    sums = [torch.where(first_L, emitted_TBL[0], never)]
    for emitted_BL in emitted_TBL[1:]:
        entered_BL = torch.cat((before_B1, sums[-1][:, :-1]), 1)
        sums.append(torch.logaddexp(sums[-1], entered_BL) + emitted_BL)
    rows = torch.arange(len(lengths_B), device=lengths_B.device)
    ends_B = torch.stack(sums)[(lengths_B - 1).clamp(min=0), rows, (target_lengths_B - 1).clamp(min=0)]
    feasible_B = (target_lengths_B > 0) & (lengths_B >= target_lengths_B)
    return torch.where(feasible_B, -ends_B / lengths_B.clamp(min=1), torch.zeros_like(ends_B)).mean()


def frame_loss(log_probs_BTV: torch.Tensor, targets_BT: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy against the unit of each frame (B, T): a scalar. Targets of -1 are ignored; where
    there are no others it is 0.
    """
    total = functional.cross_entropy(
        log_probs_BTV.flatten(0, 1), targets_BT.flatten(), ignore_index=-1, reduction="sum"
    )
    return total / (targets_BT >= 0).sum().clamp(min=1)
