"""The table of a comparison on the terminal: everything that was scored, best first."""

import pytest

from statewise.cli.comparison_table import print_result


def arm(label: str, score: float | None) -> dict:
    cost = {"parameters": {"body": 9, "fixed": 0}, "state_bytes": 4, "step_latency_us": None, "tokens_per_second": None}
    found = score and {"mean": score, "low": None, "high": None}
    return {"label": label, "companion": False, "status": "failed", "score": found, "solved": None, "cost": cost}


@pytest.mark.parametrize(
    ("lower", "order"), [(True, ["gru", "2-grams", "lstm", "ntm"]), (False, ["lstm", "2-grams", "gru", "ntm"])]
)
def test_arms_and_baselines_stand_best_first_and_the_failed_last(
    lower: bool, order: list[str], capsys: pytest.CaptureFixture[str]
):
    primary = {"name": "loss", "unit": "nats", "lower_is_better": lower}
    print_result(
        {
            "title": "Comparison on plays.txt",
            "task": {"primary": primary},
            "arms": [arm("ntm", None), arm("lstm", 3.0), arm("gru", 1.0)],
            "baselines": [{"name": "2-grams", "score": 2.0}],
            "recommendation": {"headline": "Take one.", "rests_on": ["It was best."]},
            "hypotheses": [],
        }
    )
    out = capsys.readouterr().out
    assert f"Comparison on plays.txt: loss (nats), {'lower' if lower else 'higher'} is better" in out
    assert [name for line in out.splitlines() for name in order if f" {name} " in line] == order
