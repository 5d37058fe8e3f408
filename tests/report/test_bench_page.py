"""The page of a bench, from made-up times."""

import pytest

from statewise.report import render_bench

from .page import Data, Page, assert_sound


def middle(value: float) -> Data:
    return {"median": value, "low": 0.9 * value, "high": 1.2 * value}


def row(model: str, gear: str, ours: float, theirs: float) -> Data:
    return {
        "model": model,
        "family": "recurrent",
        "gear": gear,
        "parameters": 33_024,
        "state_bytes": 512,
        "seconds": middle(ours),
        "peer": "nn.LSTM",
        "peer_seconds": middle(theirs),
        "ratio": middle(ours / theirs),
        "floor": {"seconds": 1e-5, "limit": "bytes"},
    }


@pytest.fixture
def result() -> Data:
    times = {"lstm": 0.002, "mamba": 0.080, "<b>own</b>": 0.0005}
    return {
        "title": "Speed of 3 layers on a CPU",
        "created": "2026-03-14T09:26:53",
        "command": "statewise bench lstm,mamba,own",
        "environment": {"processor": "A Processor", "threads": 1},
        "config": {"batch": 8, "length": 256, "width": 128, "streams": 1},
        "rounds": 15,
        "machine": {"product_rate": 9.6e10, "copy_rates": [[16384, 1e11], [1048576, 2e10]]},
        "rows": [row(name, gear, t, 0.002) for gear in ("forward", "step") for name, t in times.items()],
    }


def test_a_page_has_a_plot_and_a_table_for_each_gear(result: Data) -> None:
    text = render_bench(result)
    page = Page(text)
    assert page.counts("table") == 2 + 1
    assert sum(attribute == ("class", "plot") for attribute in page.attributes) == 2
    for told in ("40.0", "2000", "96 GFLOP/s", "A Processor", "statewise bench lstm,mamba,own", "<b>own</b>"):
        assert told in page.text
    assert_sound(text)


def test_a_plot_tells_ratio_and_floor(result: Data) -> None:
    tips = [value for name, value in Page(render_bench(result)).attributes if name == "data-tip"]
    assert "mamba: 40.0 of nn.LSTM's time" in tips
    assert "mamba: the floor is 0.00500 of nn.LSTM's time" in tips


def test_what_is_no_bench_is_refused(result: Data) -> None:
    del result["rounds"]
    with pytest.raises(ValueError, match="rounds"):
        render_bench(result)


def test_a_busy_machine_is_told(result: Data) -> None:
    assert "busy" not in Page(render_bench({**result, "busy": False, "waited": 0.02})).text
    text = Page(render_bench({**result, "busy": True, "waited": 0.37})).text
    assert "The machine was busy. Something else had the processor for 37 % of the rounds" in text
