"""What streams with a matrix for a state are made of, against the operations on sequences."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.ops.delta_rule import delta_rule
from statewise.ops.in_place import InPlace
from statewise.ops.matrix_in_place import (
    by_head,
    decay,
    decay_of_exponential,
    normed_by_head,
    of_length_one,
    read_and_write,
    replace_and_read,
    write_and_read,
)
from statewise.ops.matrix_recurrence import matrix_recurrence

B, N, K, V, STEPS = 2, 3, 4, 5, 6


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def streamed(make, *sequences: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs of all steps and the last state; every step's inputs come side by side in one row."""
    sizes = [x[0, 0].numel() for x in sequences]
    stream = InPlace(B, sum(sizes), torch.float64)
    rooms = [room.unflatten(1, x.shape[2:]) for room, x in zip(stream.x.split(sizes, 1), sequences, strict=True)]
    y, h = make(stream, *rooms)
    stream.ready(y, lambda: [h])
    together = torch.cat([x.flatten(2) for x in sequences], dim=2)
    return torch.stack([stream(x).clone() for x in together.unbind(1)], dim=1), h


@pytest.mark.parametrize("decays", [1, K])
def test_what_is_written_is_read_as_by_the_recurrence(decays: int) -> None:
    q, k, v, h = numbers(B, STEPS, N, K), numbers(B, STEPS, N, K), numbers(B, STEPS, N, V), numbers(B, N, K, V)
    a = torch.rand(B, STEPS, N, decays, dtype=torch.float64)
    found = streamed(lambda stream, *rooms: write_and_read(stream, *rooms, h), q, k, v, a)
    torch.testing.assert_close(found, matrix_recurrence(q, k, v, a.log(), h))


def test_what_a_key_stands_for_is_replaced_as_by_the_delta_rule() -> None:
    q, v, h = numbers(B, STEPS, N, K), numbers(B, STEPS, N, V), numbers(B, N, K, V)
    k = F.normalize(numbers(B, STEPS, N, K), dim=-1)
    a, b = torch.rand(2, B, STEPS, N, dtype=torch.float64)
    found = streamed(lambda stream, *rooms: replace_and_read(stream, *rooms, h), q, k, v, a, b)
    torch.testing.assert_close(found, delta_rule(q, k, v, a.log().unsqueeze(-1), b.unsqueeze(-1), h))


def test_what_is_read_first_holds_the_bonus_of_the_step_alone() -> None:
    q, k, v, h = numbers(B, STEPS, N, K), numbers(B, STEPS, N, K), numbers(B, STEPS, N, V), numbers(B, N, K, V)
    a, bonus = torch.rand(B, STEPS, N, K, dtype=torch.float64), numbers(N, K)
    found, last = streamed(lambda stream, *rooms: read_and_write(stream, *rooms, bonus, h), q, k, v, a)
    state, expected = h, []
    for t in range(STEPS):
        new = k[:, t].unsqueeze(-1) * v[:, t].unsqueeze(-2)
        expected.append(torch.einsum("bnk,bnkv->bnv", q[:, t], state + bonus.unsqueeze(-1) * new))
        state = a[:, t].unsqueeze(-1) * state + new
    torch.testing.assert_close((found, last), (torch.stack(expected, 1), state))


def test_maps_of_heads_are_their_equations() -> None:
    x, scale, gain, bias = numbers(B, 1, N, K), numbers(B, 1, N), numbers(N, K), numbers(N, K)

    def one(make, *sequences: Tensor) -> Tensor:
        return streamed(lambda stream, *rooms: (make(stream, *rooms), rooms[0]), *sequences)[0]

    torch.testing.assert_close(one(lambda s, c, z: by_head(s, c, z, factor=3), scale, x), 3 * scale.unsqueeze(-1) * x)
    torch.testing.assert_close(one(lambda s, z: decay(s, z, gain[:, 0]), scale), (-gain[:, 0] * scale).exp())
    torch.testing.assert_close(one(decay_of_exponential, scale), (-scale.exp()).exp())
    torch.testing.assert_close(
        one(lambda s, z: of_length_one(s, z, 0.5), x), x / (x.square().sum(-1, True) + 0.5).sqrt()
    )
    expected = gain * F.layer_norm(x, (K,), eps=0.1) + bias
    torch.testing.assert_close(one(lambda s, z: normed_by_head(s, z, gain, bias, 0.1), x), expected)


def test_shapes_that_do_not_fit_are_refused() -> None:
    stream = InPlace(B, N * K, torch.float64)
    key = stream.x.unflatten(1, (N, K))
    with pytest.raises(ValueError, match="write_and_read"):
        write_and_read(stream, key, key, key, key, numbers(B, N, K + 1, K))
    with pytest.raises(ValueError, match="replace_and_read"):
        replace_and_read(stream, key, key, key, key, key[..., 0], numbers(B, N, K, K))
