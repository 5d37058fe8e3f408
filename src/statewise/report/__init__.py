"""One self-contained HTML page from plain data: of a comparison, a study of several, a run, a forecast, or a bench.

The page needs no network and no script to be read: figures are drawn as SVG, so they print as sharp as the text.
"""

from statewise._lazy import lazy

__all__ = ["render_bench", "render_comparison", "render_forecast", "render_run", "render_study"]

__getattr__ = lazy(
    __name__,
    {
        "render_bench": "bench",
        "render_comparison": "comparison",
        "render_forecast": "forecast",
        "render_run": "run",
        "render_study": "study",
    },
)
