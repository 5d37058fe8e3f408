from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from statewise.ambient import Ambient


def test_an_inner_value_hides_an_outer_one_and_gives_way_to_it_after_an_error():
    place = Ambient[int]("place")
    with place.set(1):
        with place.set(2):
            assert place.get() == 2
        with pytest.raises(ZeroDivisionError), place.set(3):
            place.get() / 0
        assert place.get() == 1
    assert place.get() is None


def test_what_is_set_in_one_thread_is_not_seen_in_another():
    place = Ambient[int]("place")
    with ThreadPoolExecutor(1) as pool, place.set(1):
        assert pool.submit(place.get).result() is None


def test_a_graph_can_be_made_of_what_asks_outside_of_all_blocks():
    place = Ambient[float]("place")

    @torch.compile(fullgraph=True, backend="eager")
    def scaled(x: torch.Tensor) -> torch.Tensor:
        factor = place.get()
        return x if factor is None else factor * x

    assert scaled(torch.ones(2)).tolist() == [1.0, 1.0]
