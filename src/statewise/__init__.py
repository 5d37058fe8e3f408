"""statewise: sequence models that carry state, built, trained and compared on one contract.

import statewise

if __name__ == "__main__":
    config = statewise.CompareConfig(task="corpus.txt", models=("lstm", "attention"), seeds=3)
    found = statewise.compare_models(config, "comparisons/corpus")
    print(found)                 # the recommendation and what it rests on
    print(found.report)          # the page to read
"""

from statewise._lazy import lazy

__all__ = [
    "CompareConfig",
    "Comparison",
    "ModelConfig",
    "RunConfig",
    "TrainConfig",
    "UserError",
    "compare_models",
    "import_path",
    "train_model",
    "write_report",
]

__getattr__ = lazy(
    __name__,
    {
        "CompareConfig": "compare.config",
        "Comparison": "api",
        "ModelConfig": "models.config",
        "RunConfig": "runs.config",
        "TrainConfig": "train.config",
        "UserError": "errors",
        "compare_models": "api",
        "import_path": "importing",
        "train_model": "api",
        "write_report": "api",
    },
)
