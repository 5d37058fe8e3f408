"""statewise: sequence models that carry state, built, trained and compared on one contract.

import statewise

if __name__ == "__main__":
    config = statewise.CompareConfig(task="corpus.txt", models=("lstm", "attention"), seeds=3)
    found = statewise.compare_models(config, "comparisons/corpus")
    print(found)                 # the recommendation and what it rests on
    print(found.report)          # the page to read
"""

from statewise._lazy import lazy

_EXPORTS = {
    "Bench": "api.benching",
    "BenchConfig": "cost.bench.config",
    "CompareConfig": "compare.config",
    "Comparison": "api.comparing",
    "Intervals": "runs.intervals",
    "ModelConfig": "models.config",
    "RunConfig": "runs.config",
    "Sampling": "generation.sampling",
    "TrainConfig": "train.config",
    "UserError": "errors",
    "When": "runs.rows_ahead",
    "bench_models": "api.benching",
    "compare_models": "api.comparing",
    "default_config": "models.resolve",
    "default_run": "runs.complete",
    "evaluate_run": "api.running",
    "forecast_rows": "api.running",
    "forecast_series": "api.running",
    "generate_text": "api.running",
    "import_path": "importing",
    "load_run": "runs.folder",
    "run_study": "api.comparing",
    "sample_outputs": "train.monte_carlo",
    "train_model": "api.running",
    "write_forecast": "runs.forecast_page",
    "write_report": "api.reporting",
}

__all__ = list(_EXPORTS)
__getattr__ = lazy(__name__, _EXPORTS)
