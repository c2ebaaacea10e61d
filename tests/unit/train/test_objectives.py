"""What training draws at random belongs to a crystal, not to its batch."""

import numpy as np
import torch

from cloudkit.train.objectives import draw_tokens

OFFSETS = np.array([0, 3, 7, 12])


def test_the_draws_of_a_crystal_are_the_same_in_any_batch() -> None:
    together = draw_tokens(np.array([4, 9, 2]), OFFSETS, seed=5)
    assert torch.equal(draw_tokens(np.array([9]), np.array([0, 4]), seed=5), together[:, 3:7])
    assert not torch.equal(draw_tokens(np.array([9]), np.array([0, 4]), seed=6), together[:, 3:7])


def test_draws_are_uniform_and_do_not_follow_each_other() -> None:
    draws = draw_tokens(np.arange(5000), np.arange(0, 50_001, 10), seed=0).numpy()
    assert draws.shape == (3, 50_000) and draws.min() >= 0 and draws.max() < 1
    for row in draws:
        counts, _ = np.histogram(row, bins=20, range=(0, 1))
        assert np.abs(counts - 2500).max() < 5 * 50  # five standard deviations
    assert np.abs(np.corrcoef(draws) - np.eye(3)).max() < 0.02
    assert abs(np.corrcoef(draws[0, :-1], draws[0, 1:])[0, 1]) < 0.02
