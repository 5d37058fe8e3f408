"""Pages from plain data: whole, in the order promised, and all that was found out can be read."""

import re
import subprocess
import sys
from typing import Any

from statewise.report import render_comparison, render_run

from .page import Data, Page, assert_sound


def titles(text: str) -> list[str]:
    return re.findall(r"<h2[^>]*>\s*([^<]+?)\s*<", text)


def test_the_recommendation_comes_first_and_the_rest_in_order(result: Data) -> None:
    assert titles(render_comparison(result)) == [
        "Recommendation",
        "The arms",
        "Scores",
        "Learning curves",
        "Score by length",
        "Score against cost",
        "Tuning",
        "Pair by pair",
        "Hypotheses",
        "Failures",
        "Example predictions",
        "Do it again",
    ]


def test_everything_that_was_found_out_can_be_read(result: Data) -> None:
    page = Page(render_comparison(result))
    told = [result["recommendation"]["headline"], *result["recommendation"]["rests_on"], result["command"]]
    told += [h["statement"] for h in result["hypotheses"]] + [h["evidence"] for h in result["hypotheses"]]
    told += [b["name"] for b in result["baselines"]] + [e["prompt"] for e in result["examples"]]
    told += ["exit code -9", "its smallest size costs 25,216 parameters", "t-interval, 3 seeds", "19,812"]
    told += ["2.13.0+cpu", '"pairs": 4', "63.5\u202fKiB"]
    for text in told:
        assert " ".join(text.split()) in page.text


def test_every_link_leads_somewhere(result: Data) -> None:
    page = Page(render_comparison(result))
    assert {value[1:] for name, value in page.attributes if name == "href"} <= set(page.ids)


def test_measured_figures_stand_apart_from_counted_ones(result: Data) -> None:
    before = render_comparison(result)
    for arm in result["arms"]:
        arm["cost"] |= {"step_latency_us": 7.0, "tokens_per_second": 7.0, "peak_memory_mb": 7.0}
    cells = [
        re.findall(r'<td class="(num[^"]*)"[^>]*>(.*?)</td>', page, re.DOTALL)
        for page in (before, render_comparison(result))
    ]
    changed = {old[0].split()[1] for old, new in zip(*cells, strict=True) if old != new}
    assert changed == {"measured"}


def test_the_pair_table_says_what_was_compared(result: Data) -> None:
    result["pairs"][0].update(verdict="tie", kind="Newcombe interval", caveat="few seeds")
    text = Page(render_comparison(result)).text
    assert "fraction of the seeds that solved the task" in text
    assert "Newcombe interval" in text
    assert "few seeds" in text
    result["task"]["bimodal"] = False
    assert "Differences a − b in accuracy" in Page(render_comparison(result)).text


def test_the_page_says_reach_test_noise_and_operations_spent(result: dict[str, Any]):
    arm = result["arms"][0]
    arm["reach"] = {"longest": 40, "beyond": 0.75}
    arm["score"]["test_error"] = 0.0123
    arm["spent"] = {"trials": 8, "failed": 0, "training_seconds": 9.0, "flops": 2.5e12}
    result["arms"][1]["reach"] = {"longest": None, "beyond": None}
    page = render_comparison(result)
    assert "lstm to 40; gru to no length. Mean over the lengths beyond the training: lstm 0.750." in page
    assert "standard error of up to 0.012" in page
    assert "2.5\N{NARROW NO-BREAK SPACE}T" in page


def test_settings_are_shown_without_the_part_of_the_config_they_stand_in(result: dict[str, Any]):
    for trial in result["arms"][0]["tuning"]:
        trial["settings"] = {"train.learning_rate": 0.002}
    page = render_comparison(result)
    assert "learning_rate 0.002" in page
    assert ">train.learning_rate" not in page


def test_a_run_page_draws_every_number_of_the_history(run: Data) -> None:
    page = Page(render_run(run))
    for text in (
        "training loss",
        "validation score",
        "learning rate",
        "gradient norm",
        "accuracy",
        "0.52",
        "<b>import</b>",
    ):
        assert text in page.text
    assert "skipped" not in page.text
    assert_sound(render_run(run))


def test_a_run_page_shows_scores_beside_what_needs_no_training(run: Data) -> None:
    run["result"] |= {"primary": "loss", "chance": 2.25, "baselines": {"last <value>": {"loss": 1.875}}}
    page = render_run(run)
    for text in ("best by loss", '<td class="num" data-label="chance">2.250</td>', "last &lt;value&gt;", ">1.875</td>"):
        assert text in page
    assert_sound(page)


def run_by_series(count: int) -> Data:
    """Of each series the error of a model and of a rule: the k-th is the k-th hardest; the model wins where k > 2."""
    return {
        f"shop {k}": {"test": {"mase": 1 / (k + 1)}, "baselines": {"last <value>": {"mase": 0.3}}}
        for k in reversed(range(count))
    }


def test_a_run_on_several_series_shows_them_the_worst_first_and_of_many_both_ends(run: Data) -> None:
    assert "Series by series" not in titles(render_run(run))
    run["result"] |= {"primary": "mase", "lower_is_better": True, "series": run_by_series(12)}
    page = render_run(run)
    assert rows_of_series(page) == [f"shop {k}" for k in range(12)]
    assert re.search(r'strong" data-label="last &lt;value&gt;">0.300.*strong" data-label="test">0.250', page, re.DOTALL)
    assert "not shown" not in Page(page).text
    run["result"]["series"] = run_by_series(50)
    page = render_run(run)
    assert rows_of_series(page) == [f"shop {k}" for k in (*range(20), *range(30, 50))]
    text = Page(page).text
    assert "the 20 worst and the 20 best of 50" in text
    assert "10 series between these are not shown" in text
    assert re.search(r"best of how many of all\D+47\D+3\b", text)
    assert_sound(page)


def test_a_run_whose_score_is_to_be_high_begins_with_the_lowest(run: Data) -> None:
    run["result"] |= {"primary": "mase", "lower_is_better": False, "series": run_by_series(12)}
    assert rows_of_series(render_run(run)) == [f"shop {k}" for k in reversed(range(12))]


def test_a_series_without_a_score_stands_first(run: Data) -> None:
    series = run_by_series(3) | {"shop 9": {"test": {}, "baselines": {}}}
    run["result"] |= {"primary": "mase", "lower_is_better": True, "series": series}
    page = render_run(run)
    assert rows_of_series(page)[0] == "shop 9"
    assert re.search(r"best of how many of all\D+0\D+3\b", Page(page).text)  # and is won by none


def test_naming_the_room_loads_no_template_engine() -> None:
    code = "import sys, statewise.report; sys.exit(bool({'jinja2', 'pydantic', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_times_of_a_busy_machine_are_marked_in_table_and_figure(result: Data) -> None:
    for arm in result["arms"]:
        arm["cost"] |= {"step_latency_us": 7.5, "tokens_per_second": 7.5, "busy": False}
    assert "busy" not in Page(render_comparison(result)).text
    result["arms"][0]["cost"]["busy"] = True
    text = Page(render_comparison(result)).text
    assert text.count("7.50*") == 1
    assert "with * while the machine was busy" in text
    assert "While lstm was measured, it was busy." in text


def by_series(count: int) -> list[Data]:
    """The k-th series is the k-th hardest for mamba; gru does best on every fourth."""
    return [
        {"name": f"shop {k}", "arms": {"mamba": 0.1 + k / 200, "gru": 0.9 if k % 4 == 0 else 0.05}, "baselines": {}}
        for k in reversed(range(count))
    ]


def rows_of_series(page: str) -> list[str]:
    return re.findall(r'<th scope="row">(shop \d+)</th>', page)


def test_scores_by_series_stand_the_hardest_first_and_of_many_both_ends(result: Data) -> None:
    assert "Series by series" not in titles(render_comparison(result))
    result["series"] = by_series(12)
    assert rows_of_series(render_comparison(result)) == [f"shop {k}" for k in range(12)]
    result["series"] = by_series(100)
    page = render_comparison(result)
    assert titles(page).index("Series by series") == titles(page).index("Pair by pair") - 1
    assert rows_of_series(page) == [f"shop {k}" for k in (*range(20), *range(80, 100))]
    text = Page(page).text
    assert "the 20 worst and the 20 best of 100" in text
    assert "60 series between these are not shown" in text
    assert re.search(r"best of how many of all\D+75\D+25\b", text)
    result["task"]["primary"]["lower_is_better"] = True
    result["series"] = by_series(12)
    page = render_comparison(result)
    assert re.search(r"best of how many of all\D+9\D+3\b", Page(page).text)  # gru stands first and wins nine
    assert_sound(page)


def test_a_rule_and_an_arm_of_one_name_have_scores_of_their_own(result: Data) -> None:
    result["series"] = [{"name": "shop", "arms": {"mamba": 0.5, "gru": 0.25}, "baselines": {"mamba": 0.125}}]
    page = render_comparison(result)
    assert re.search(r'strong" data-label="mamba">0.500.*"gru">0.250.*"num" data-label="mamba">0.125', page, re.DOTALL)


def test_series_that_no_arm_is_scored_on_make_no_table(result: Data) -> None:
    result["series"] = [{"name": "shop", "arms": {}, "baselines": {"last": 0.5}}]
    assert "Series by series" not in titles(render_comparison(result))


def test_a_rule_may_do_best_on_a_series_of_a_comparison(result: Data) -> None:
    result["series"] = [
        {**one, "baselines": {"last": 0.95 if one["name"] == "shop 3" else 0.0}} for one in by_series(12)
    ]
    assert re.search(r"best of how many of all\D+8\D+3\D+1\b", Page(render_comparison(result)).text)
