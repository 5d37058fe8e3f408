import math

import pytest

from statewise.metrics import bits, bits_per_unit, perplexity


def test_a_uniform_guess_among_v_tokens_costs_log2_v_bits_and_has_perplexity_v():
    for v in (2, 8, 50257):
        assert bits(math.log(v)) == pytest.approx(math.log2(v))
        assert perplexity(math.log(v)) == pytest.approx(v)


def test_perplexity_of_a_diverged_model_is_infinite_not_an_error():
    assert perplexity(1e4) == math.inf


def test_bits_per_byte_do_not_depend_on_how_the_text_was_cut_into_tokens():
    total_nats, length = 700.0, 1000
    assert bits_per_unit(total_nats / 10, 10, length) == pytest.approx(bits_per_unit(total_nats / 500, 500, length))


def test_a_text_of_no_bytes_is_refused():
    with pytest.raises(ValueError, match="units"):
        bits_per_unit(1.0, 1, 0)
