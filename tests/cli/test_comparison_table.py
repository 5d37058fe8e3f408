"""The table of a comparison on the terminal: everything that was scored, best first."""

import pytest

from statewise.cli.comparison_table import print_result


def arm(label: str, score: float | None) -> dict:
    measured = {"step_latency_us": None, "tokens_per_second": None, "busy": False}
    cost = {"parameters": {"body": 9, "fixed": 0}, "state_bytes": 4, **measured}
    found = score and {"mean": score, "low": None, "high": None}
    return {"label": label, "companion": False, "status": "failed", "score": found, "solved": None, "cost": cost}


def result(primary: dict, arms: list[dict]) -> dict:
    return {
        "title": "Comparison on plays.txt",
        "task": {"primary": primary},
        "arms": arms,
        "baselines": [{"name": "2-grams", "score": 2.0}],
        "recommendation": {"headline": "Take one.", "rests_on": ["It was best."]},
        "hypotheses": [],
    }


@pytest.mark.parametrize(
    ("lower", "order"), [(True, ["gru", "2-grams", "lstm", "ntm"]), (False, ["lstm", "2-grams", "gru", "ntm"])]
)
def test_arms_and_baselines_stand_best_first_and_the_failed_last(
    lower: bool, order: list[str], capsys: pytest.CaptureFixture[str]
):
    primary = {"name": "loss", "unit": "nats", "lower_is_better": lower}
    print_result(result(primary, [arm("ntm", None), arm("lstm", 3.0), arm("gru", 1.0)]))
    out = capsys.readouterr().out
    assert f"Comparison on plays.txt: loss (nats), {'lower' if lower else 'higher'} is better" in out
    assert [name for line in out.splitlines() for name in order if f" {name} " in line] == order


def test_times_that_a_busy_machine_took_are_marked(capsys: pytest.CaptureFixture[str]):
    arms = [arm("lstm", 3.0), arm("gru", 1.0)]
    arms[0]["cost"] |= {"step_latency_us": 58.2, "tokens_per_second": 155_869.0}
    arms[1]["cost"] |= {"step_latency_us": 61.4, "tokens_per_second": 140_000.0, "busy": True}
    print_result(result({"name": "loss", "unit": "nats", "lower_is_better": True}, arms))
    cells = capsys.readouterr().out.split()
    assert {"58", "155,869", "61*", "140,000*"} <= set(cells)
