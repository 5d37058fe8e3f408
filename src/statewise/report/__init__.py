"""One self-contained HTML page from plain data: of a comparison of models, or of a single training run.

The page needs no network and no script to be read: figures are drawn as SVG, so they print as sharp as the text.
"""

from statewise._lazy import lazy

__all__ = ["render_comparison", "render_run"]

__getattr__ = lazy(
    __name__,
    {
        "render_comparison": "comparison",
        "render_run": "run",
    },
)
