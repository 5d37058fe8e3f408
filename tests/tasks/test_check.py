"""Every task of ours keeps the rules."""

import pytest

from statewise.tasks import check
from statewise.tasks.computing import Adding, Parity
from statewise.tasks.copying import Copy, CopyMemory
from statewise.tasks.generated import GeneratedTask
from statewise.tasks.recalling import DelayedRecall, Recall
from statewise.tasks.resolve import TASKS, make_task


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> str:
    rows = [f"2024-01-{day:02d},{day % 7 + 0.1 * day},{day}" for day in range(1, 32)]
    path = tmp_path_factory.mktemp("series") / "load.csv"
    path.write_text("\n".join(["day,load,heat", *rows]) + "\n")
    return str(path)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_of_the_registry_keeps_the_rules(name: str, series: str):
    options = {"forecast": {"source": series, "chunk": 4}, "language": {"most_scored": 5000}}
    check(make_task(name, options.get(name, {})))


@pytest.mark.parametrize(
    "task",
    [
        Copy(bits=3, shortest=2, longest=5),
        CopyMemory(symbols=3, shown=4, shortest=1, longest=60),
        Recall(symbols=12, pairs=2, shortest=6, longest=20),
        DelayedRecall(symbols=3, delay=0, shortest=1, longest=9),
        Adding(shortest=2, longest=5),
        Parity(shortest=1, longest=1),
    ],
    ids=lambda task: task.name,
)
def test_other_sizes_keep_the_rules(task: GeneratedTask):
    check(task)
