import pytest
import torch
from scipy import stats

from statewise.ops import noise
from statewise.ops.noise import dropout_mask, uniform

MASK = 2**64 - 1


def split_mix_64(x: int) -> int:
    """The finaliser as in the paper's figure 14, in whole numbers modulo 2^64."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def by_definition(seed: int, step: int, unit: int, stream: int = 0) -> float:
    key = split_mix_64(split_mix_64(seed & MASK) ^ (step + stream * 2**48))
    half = split_mix_64(key ^ split_mix_64(unit // 2)) >> (32 * (unit % 2))
    return (half % 2**23 + 0.5) / 2**23


def draw(seeds, steps, units: int = 8, stream: int = 0) -> torch.Tensor:
    return uniform(torch.as_tensor(seeds), torch.as_tensor(steps), units, torch.float64, stream=stream)


def table(rows: int, time: int, units: int) -> torch.Tensor:
    """What small consecutive seeds draw at the first steps, where a weak hash would repeat itself."""
    return draw(torch.arange(rows), torch.arange(time).expand(rows, time), units)


def test_the_hash_is_split_mix_64():
    numbers = [0, 1, 2, -1, 2**63 - 1, -(2**63), 1234567891011]
    found = noise.mix(torch.tensor(numbers)).tolist()
    assert [x & MASK for x in found] == [split_mix_64(x & MASK) for x in numbers]
    assert split_mix_64(0) == 0xE220A8397B1DCDAF  # the first output of the published generator from seed 0


@pytest.mark.parametrize("units", [1, 2, 7])
def test_equals_the_equation_number_by_number(units):
    seeds, steps = [0, 5, -3, 2**62], [[0, 1, 9], [7, 8, 9], [2**40, 0, 1], [0, 0, 1]]
    expected = [
        [[by_definition(s, t, i) for i in range(units)] for t in row] for s, row in zip(seeds, steps, strict=True)
    ]
    assert draw(seeds, steps, units).tolist() == expected
    assert draw(seeds, [row[1] for row in steps], units).tolist() == [row[1] for row in expected]


@pytest.mark.parametrize("stream", [0, 1, 2**15 - 1])
def test_equals_the_equation_in_every_stream(stream):
    expected = [by_definition(seed, step, 3, stream) for seed, step in ((5, 0), (-3, 2**48 - 1))]
    assert draw([5, -3], [0, 2**48 - 1], stream=stream)[:, 3].tolist() == expected


def test_streams_are_independent_and_share_no_step():
    seeds, steps = torch.arange(20), torch.arange(50).expand(20, 50)
    u = torch.stack([draw(seeds, steps, stream=stream).flatten() for stream in range(6)])
    assert len(u.unique()) > 0.99 * u.numel()
    correlation = torch.corrcoef(u).fill_diagonal_(0)
    assert correlation.abs().max() < stats.norm.isf(1e-3 / 15 / 2) / u.shape[1] ** 0.5
    assert torch.equal(draw(seeds, steps), draw(seeds, steps, stream=0))


@pytest.mark.parametrize("stream", [-1, 2**15])
def test_a_stream_that_would_meet_another_is_refused(stream):
    with pytest.raises(ValueError, match="stream must be at least 0 and below 32768"):
        draw([0], [0], stream=stream)


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
def test_no_rows_or_no_steps(shape):
    seeds = torch.zeros(shape[0], dtype=torch.int64)
    assert draw(seeds, torch.zeros(shape, dtype=torch.int64)).shape == (*shape, 8)


@pytest.mark.parametrize("hash_value", [0, -1])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_neither_0_nor_1_is_ever_drawn(monkeypatch, hash_value, dtype):
    monkeypatch.setattr(noise, "mix", lambda x: torch.full_like(x, hash_value))
    extreme = uniform(torch.tensor([0]), torch.tensor([0]), 2, dtype)
    assert extreme.dtype == dtype
    assert ((extreme > 0) & (extreme < 1)).all()


def test_every_dtype_sees_the_same_numbers():
    seeds, steps = torch.arange(50), torch.arange(50)
    exact = uniform(seeds, steps, 64, torch.float64)
    assert torch.equal(uniform(seeds, steps, 64, torch.float32).double(), exact)
    for dtype in (torch.bfloat16, torch.float16):
        assert (uniform(seeds, steps, 64, dtype).double() - exact).abs().max() <= torch.finfo(dtype).eps / 2


def test_chunks_rows_and_the_number_of_units_change_nothing():
    seeds, steps = torch.tensor([3, 1, 4]), torch.arange(9) + torch.tensor([[0], [5], [100]])
    whole = draw(seeds, steps)
    assert torch.equal(torch.cat([draw(seeds, steps[:, :4]), draw(seeds, steps[:, 4:])], dim=1), whole)
    assert torch.equal(torch.stack([draw(seeds, step) for step in steps.unbind(1)], dim=1), whole)
    order = torch.tensor([2, 0])
    assert torch.equal(draw(seeds[order], steps[order]), whole[order])
    assert torch.equal(draw(seeds, steps, units=3), whole[..., :3])


def test_mean_variance_and_uniformity():
    u = table(rows=20, time=50, units=101).flatten()
    assert abs(float(u.mean()) - 1 / 2) < 4 * (1 / 12 / len(u)) ** 0.5
    assert abs(float(u.var()) - 1 / 12) < 4 * (1 / 180 / len(u)) ** 0.5
    counts = torch.bincount((u * 256).long(), minlength=256)
    assert 1e-3 < stats.chisquare(counts.numpy()).pvalue < 1 - 1e-3
    last_bits = torch.bincount((u * 2**23).long() % 256, minlength=256)
    assert 1e-3 < stats.chisquare(last_bits.numpy()).pvalue < 1 - 1e-3


@pytest.mark.parametrize("axis", [0, 1, 2], ids=["seeds", "steps", "units"])
def test_no_two_seeds_steps_or_units_are_correlated(axis):
    u = table(rows=40, time=40, units=40).movedim(axis, 0).flatten(1)
    correlation = torch.corrcoef(u).fill_diagonal_(0)
    pairs = 40 * 39 / 2
    assert correlation.abs().max() < stats.norm.isf(1e-3 / pairs / 2) / u.shape[1] ** 0.5


def test_seed_and_step_do_not_stand_for_one_another():
    numbers = torch.arange(300)
    assert len(draw(numbers, numbers, units=1).unique()) > 295
    assert (draw([3], [5]) != draw([5], [3])).all()
    assert len(table(rows=60, time=60, units=1).unique()) > 3590


def test_the_two_halves_of_a_hash_are_independent():
    u = table(rows=30, time=30, units=40)
    cells = ((u[..., 0::2] * 8).long() * 8 + (u[..., 1::2] * 8).long()).flatten()
    assert 1e-3 < stats.chisquare(torch.bincount(cells, minlength=64).numpy()).pvalue < 1 - 1e-3


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_a_mask_drops_at_the_rate_and_keeps_the_mean(rate):
    mask = dropout_mask(torch.arange(100), torch.arange(100), 1000, rate, torch.float64)
    assert set(mask.flatten().tolist()) <= {0.0, 1 / (1 - rate)}
    assert abs(float((mask == 0).double().mean()) - rate) <= 4 * (rate * (1 - rate) / mask.numel()) ** 0.5


def test_the_same_units_fall_out_in_every_dtype():
    masks = [
        dropout_mask(torch.tensor([1]), torch.tensor([2]), 500, 0.3, dtype)
        for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16)
    ]
    assert all(torch.equal(mask == 0, masks[0] == 0) for mask in masks)
    assert masks[2].dtype == torch.bfloat16


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_a_rate_outside_0_to_1_is_refused(rate):
    with pytest.raises(ValueError, match="rate"):
        dropout_mask(torch.tensor([1]), torch.tensor([2]), 3, rate, torch.float32)


def test_exports_with_a_dynamic_batch():
    class Mask(torch.nn.Module):
        def forward(self, seed: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
            return dropout_mask(seed, step, 5, 0.3, torch.float32)

    batch = torch.export.Dim("batch", min=1)
    exported = torch.export.export(
        Mask(), (torch.arange(3), torch.arange(3)), dynamic_shapes=({0: batch}, {0: batch})
    ).module()
    seeds, steps = torch.arange(7) ** 9, torch.arange(7) * 11
    assert torch.equal(exported(seeds, steps), Mask()(seeds, steps))


@pytest.mark.parametrize("units", [1, 2, 7])
@pytest.mark.parametrize("form", noise.FORMS.names)
def test_events_happen_where_the_uniform_number_is_below_their_chance(form, units):
    seeds, steps = torch.tensor([0, 5, -3, 2**62]), torch.tensor([[0, 1, 9], [7, 8, 9], [2**40, 0, 1], [0, 0, 1]])
    chances = (0.5, 0.0, 0.1, 0.999)
    u = uniform(seeds, steps, 4 * units, torch.float64, stream=3).unflatten(-1, (4, units))
    expected = torch.where(u < torch.tensor(chances, dtype=torch.float64).unsqueeze(1), 2.0, -1.0)
    with noise.FORMS.use(form):
        found = noise.events(seeds, steps, chances, units, torch.float64, stream=3, values=(2.0, -1.0))
        last = noise.events(seeds, steps[:, 2], chances, units, torch.float32, stream=3, values=(2.0, -1.0))
    assert torch.equal(found, expected)
    assert torch.equal(last, expected[:, 2].float())


def test_a_chance_is_as_fine_as_the_bits():
    seeds = torch.arange(4)
    u = uniform(seeds, seeds, 2, torch.float64)
    for chance, happens in ((u[0, 0], 0.0), (torch.nextafter(u[0, 0], torch.tensor(1.0).double()), 1.0)):
        for form in noise.FORMS.names:
            with noise.FORMS.use(form):
                assert noise.events(seeds, seeds, (float(chance),), 2, torch.float32)[0, 0, 0] == happens
