"""Contents are dealt out among the splits, each to one alone."""

import math

import pytest
import torch

from statewise.tasks.splitting import SPLITS, draw_of_split


def test_contents_are_dealt_out_evenly_and_each_to_one_split():
    def draw(number: int) -> torch.Tensor:
        return torch.randint(2, (number, 14), generator=generator)

    generator = torch.Generator().manual_seed(0)
    dealt = {
        split: {tuple(row) for row in draw_of_split(draw, split, 200_000, different=2.0**14).tolist()}
        for split in SPLITS
    }
    assert sum(map(len, dealt.values())) == len(set.union(*dealt.values()))
    for split, buckets in SPLITS.items():
        assert len(dealt[split]) == pytest.approx(2**14 * len(buckets) / 8, rel=0.05)


def test_as_many_sequences_as_asked_for():
    def draw(number: int) -> torch.Tensor:
        return torch.randint(9, (number, 6), generator=generator)

    generator = torch.Generator().manual_seed(0)
    assert all(len(draw_of_split(draw, "valid", rows, different=9.0**6)) == rows for rows in (0, 1, 7, 500))


def test_too_few_contents_are_an_error_and_no_endless_search():
    with pytest.raises(RuntimeError, match="say with different"):
        draw_of_split(lambda number: torch.zeros(number, 3).long(), "valid", 4, different=math.inf)


def test_real_numbers_are_taken_as_they_come():
    drawn = torch.rand(4, 3)
    found = draw_of_split(lambda number: drawn[:number], "test", 4, different=math.inf)
    assert torch.equal(found, drawn)
