"""Wrappers of any layer: stacks, residuals, norms, dropout, feed-forward parts, both directions, ragged batches."""

from statewise._lazy import lazy

__getattr__ = lazy(
    __name__,
    {
        "Wrapper": "wrapper",
        "Stack": "stack",
        "Pointwise": "pointwise",
        "Embed": "pointwise",
        "FeedForward": "pointwise",
        "Residual": "residual",
        "PreNorm": "residual",
        "Dropout": "dropout",
        "run_ragged": "ragged",
        "Bidirectional": "bidirectional",
    },
)
