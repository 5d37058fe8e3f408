"""Pages from plain data: whole, self-contained, in the order promised, never broken by what the data holds."""

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from statewise.report import render_comparison, render_run
from statewise.report.tidy import tidy

Data = dict[str, Any]

VOID = frozenset({"meta", "br"})
HOSTILE = "</script></style></title></svg>--><img src=x onerror=alert(1)>\"' onload='x' {{ 7*7 }} \x00\x1b\ud800 &amp;"


class Page(HTMLParser):
    """The tree of a page: fails where tags do not close in order or ids repeat."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def counts(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


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


@pytest.mark.parametrize("page", [render_comparison, render_run])
def test_a_page_needs_no_network(page: Callable[[Data], str], result: Data, run: Data) -> None:
    text = page(result if page is render_comparison else run)
    parsed = Page(text)
    assert not [value for name, value in parsed.attributes if name in {"src", "srcset", "data", "action", "poster"}]
    assert not re.search(r"@import|url\(|https?://", text)
    assert parsed.counts("link") == parsed.counts("img") == parsed.counts("iframe") == 0
    policy = next(value for name, value in parsed.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy


def test_a_page_is_small(result: Data) -> None:
    assert len(render_comparison(result).encode()) < 300_000


def hostile(value: Any, key: str = "") -> Any:
    """The data with every text that a person or a model may choose made hostile."""
    kept = {"status", "verdict", "match"}
    if isinstance(value, dict):
        renamed = key in {"config", "settings", "environment", "result"}
        return {name + HOSTILE if renamed else name: hostile(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [hostile(item, key) for item in value]
    return value + HOSTILE if isinstance(value, str) and key not in kept else value


@pytest.mark.parametrize("page", [render_comparison, render_run])
def test_no_text_of_the_data_breaks_out(page: Callable[[Data], str], result: Data, run: Data) -> None:
    data = result if page is render_comparison else run
    for example in data.get("examples", []):
        example["prediction"] = example["target"] = "one"
    gentle, harsh = page(data), page(hostile(data))
    assert "{{ 7*7 }}" in harsh
    assert "\x00" not in harsh
    assert shape(harsh) == shape(gentle)


def shape(page: str) -> list[tuple[str, tuple[str, ...]]]:
    """Elements and names of attributes, but for the letters in plots: there are fewer where long ones find no room."""
    return [(tag, names) for tag, names in Page(page).elements if tag != "text"]


@pytest.mark.parametrize("page", [render_comparison, render_run])
def test_the_page_holds_its_own_data(page: Callable[[Data], str], result: Data, run: Data) -> None:
    data = hostile(result if page is render_comparison else run)
    assert json.loads(Page(page(data)).scripts[0]) == tidy(json.loads(json.dumps(data)))


def without(path: str) -> Callable[[Data], None]:
    """A change that takes away a field, ``*`` standing for every item of a list."""

    def change(data: Any, parts: list[str]) -> None:
        if parts[0] == "*":
            for item in data:
                change(item, parts[1:])
        elif len(parts) > 1:
            if data.get(parts[0]) is not None:
                change(data[parts[0]], parts[1:])
        else:
            data.pop(parts[0], None)

    return lambda data: change(data, path.split("."))


def nulled(path: str) -> Callable[[Data], None]:
    def change(data: Any, parts: list[str]) -> None:
        if parts[0] == "*":
            for item in data:
                change(item, parts[1:])
        elif len(parts) > 1:
            if data.get(parts[0]) is not None:
                change(data[parts[0]], parts[1:])
        elif parts[0] in data:
            data[parts[0]] = None

    return lambda data: change(data, path.split("."))


def assert_sound(page: str) -> None:
    parsed = Page(page)
    for text in (parsed.text, *(value for _, value in parsed.attributes)):
        assert not re.search(r"\b(nan|None|inf|undefined|NaN|Infinity)\b", text)


OPTIONAL = [
    *("created", "command", "package_version", "config", "environment", "budget", "baselines", "pairs", "examples"),
    *("hypotheses", "arms", "arms.*.config", "arms.*.cost", "arms.*.tuning", "arms.*.seeds", "arms.*.score"),
    *("arms.*.solved", "arms.*.expected_best", "arms.*.paper", "arms.*.family", "arms.*.seeds.*.curve"),
    *("arms.*.seeds.*.by_length", "arms.*.seeds.*.seconds", "recommendation.arms", "recommendation.rests_on"),
    *("task.description", "task.train_lengths", "arms.*.score.kind"),
]
NULLABLE = [
    *("budget", "task.train_lengths", "task.solved_at", "task.primary.chance", "arms.*.reason", "arms.*.cost"),
    *("arms.*.cost.step_latency_us", "arms.*.cost.tokens_per_second", "arms.*.cost.peak_memory_mb"),
    *("arms.*.cost.state_bytes", "arms.*.cost.parameters.body", "arms.*.cost.flops_per_token", "arms.*.score"),
    *("arms.*.solved", "arms.*.solved.median_steps", "arms.*.score.low", "arms.*.tuning.*.valid"),
    *("arms.*.seeds.*.test", "arms.*.seeds.*.valid", "arms.*.seeds.*.curve.*.valid"),
    *("arms.*.seeds.*.curve.*.train_loss", "baselines.*.score", "pairs.*.difference", "pairs.*.low"),
    *("pairs.*.probability_of_improvement", "pairs.*.n", "arms.*.seeds.*.solved_step"),
]


@pytest.mark.parametrize("path", OPTIONAL)
def test_what_is_absent_is_left_out(path: str, result: Data) -> None:
    without(path)(result)
    assert_sound(render_comparison(result))


@pytest.mark.parametrize("path", NULLABLE)
def test_what_was_not_measured_may_be_null(path: str, result: Data) -> None:
    nulled(path)(result)
    assert_sound(render_comparison(result))


def not_finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: not_finite(item) for name, item in value.items() if name not in {"mean", "fraction"}}
    if isinstance(value, list):
        return [not_finite(item) for item in value]
    return float("nan") if isinstance(value, float) else value


def test_numbers_that_are_not_finite_count_as_not_measured(result: Data) -> None:
    for arm in result["arms"]:
        arm.update(score=None, solved=None)
    result["arms"][0]["seeds"][0]["test"] = float("-inf")
    assert_sound(render_comparison(not_finite(result)))


def only_seed(data: Data) -> None:
    for arm in data["arms"]:
        arm["seeds"] = arm["seeds"][:1]
        if arm["score"]:
            arm["score"] |= {"low": None, "high": None, "n": 1, "kind": "one seed: no interval"}


def all_failed(data: Data) -> None:
    for arm in data["arms"]:
        arm.update(status="failed", reason="nothing finished", score=None, solved=None, expected_best=[])
        for one in (*arm["seeds"], *arm["tuning"]):
            one.update(status="failed", reason="out of memory", valid=None, test=None, by_length={}, curve=[])
    data["recommendation"] = {"verdict": "undecided", "arms": [], "headline": "No arm finished a run.", "rests_on": []}


def all_equal(data: Data) -> None:
    for arm in data["arms"]:
        if arm["score"]:
            arm["score"] |= {"mean": 1.0, "low": 1.0, "high": 1.0}
            arm["cost"] |= {"state_bytes": 0, "step_latency_us": 5.0}
            arm["cost"]["parameters"] |= {"body": 0, "fixed": 0}
        for seed in arm["seeds"]:
            seed["test"] = 1.0
    data["baselines"] = []


def one_arm(data: Data) -> None:
    data.update(arms=data["arms"][:1], pairs=[])


def one_point_curves(data: Data) -> None:
    for arm in data["arms"]:
        for seed in arm["seeds"]:
            seed.update(curve=seed["curve"][:1], by_length={"10": 0.5})


def long_labels(data: Data) -> None:
    for number, arm in enumerate(data["arms"]):
        arm["label"] = f"optimizer=adamw, initialization=orthogonal, width={number} " + "x" * 200


def many_arms(data: Data) -> None:
    data["arms"] = [copy.deepcopy(data["arms"][0]) | {"label": f"arm {number}"} for number in range(30)]


@pytest.mark.parametrize(
    "change", [only_seed, all_failed, all_equal, one_arm, one_point_curves, long_labels, many_arms]
)
def test_odd_comparisons_make_sound_pages(change: Callable[[Data], None], result: Data) -> None:
    change(result)
    assert_sound(render_comparison(result))


def test_one_seed_is_said_to_have_no_interval(result: Data) -> None:
    only_seed(result)
    page = render_comparison(result)
    assert "one seed: no interval" in Page(page).text
    table = page[: page.index('id="scores"')]
    assert set(re.findall(r'data-label="interval">([^<]*)<', table)) == {"–"}


def test_an_arm_without_a_score_says_why_there_is_none(result: Data) -> None:
    text = Page(render_comparison(result)).text
    assert re.search(r"ntm memory unreachable", text)
    all_failed(result)
    text = Page(render_comparison(result)).text
    assert "No arm was scored" in text
    assert "nothing finished" in text
    assert "No tuning trial finished" in text


def test_without_failures_it_says_so(result: Data) -> None:
    one_arm(result)
    result["arms"][0]["tuning"] = []
    assert "Nothing failed: every trial and every seed of every arm finished" in Page(render_comparison(result)).text


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


def test_foreign_data_is_refused_with_a_sentence(result: Data) -> None:
    del result["task"]["primary"]["lower_is_better"]
    with pytest.raises(ValueError, match=r"task\.primary\.lower_is_better: field required"):
        render_comparison(result)
    with pytest.raises(ValueError, match="not a run"):
        render_run({"history": []})


def test_a_later_schema_is_refused(result: Data) -> None:
    result["schema"] = 2
    with pytest.raises(ValueError, match="schema"):
        render_comparison(result)


def test_the_data_is_left_as_it_was(result: Data) -> None:
    before = copy.deepcopy(result)
    render_comparison(result)
    assert result == before


def test_naming_the_room_loads_no_template_engine() -> None:
    code = "import sys, statewise.report; sys.exit(bool({'jinja2', 'pydantic', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_run_page_draws_every_number_of_the_history(run: Data) -> None:
    page = Page(render_run(run))
    for text in ("train loss", "valid", "learning rate", "gradient norm", "test · accuracy", "0.52", "<b>import</b>"):
        assert text in page.text
    assert "skipped" not in page.text
    assert_sound(render_run(run))


@pytest.mark.parametrize("name", ["config", "environment", "history", "result", "samples"])
def test_a_run_page_does_without(name: str, run: Data) -> None:
    del run[name]
    assert_sound(render_run(run))


def test_the_page_says_reach_test_noise_and_operations_spent(result: dict[str, Any]):
    arm = result["arms"][0]
    arm["reach"] = {"longest": 40, "beyond": 0.75}
    arm["score"]["test_error"] = 0.0123
    arm["spent"] = {"trials": 8, "failed": 0, "seconds": 9.0, "flops": 2.5e12}
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
