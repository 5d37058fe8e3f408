"""Wrappers of any layer: one after the other, side by side, residual, gated, dense, norms, dropout, both directions."""

from statewise._lazy import lazy

__getattr__ = lazy(
    __name__,
    {
        "Wrapper": "wrapper",
        "Several": "several",
        "Stack": "stack",
        "Blocks": "blocks",
        "Branches": "branches",
        "Sum": "sum",
        "GatedMix": "gated_mix",
        "Gate": "gate",
        "Pointwise": "pointwise",
        "Embed": "pointwise",
        "FeedForward": "feed_forward",
        "Residual": "residual",
        "PreNorm": "residual",
        "PostNorm": "residual",
        "Highway": "highway",
        "Dense": "dense",
        "Dropout": "dropout",
        "drop_connect": "parametrised",
        "norm_weights": "parametrised",
        "recurrent_weights": "parametrised",
        "run_ragged": "ragged",
        "Bidirectional": "bidirectional",
    },
)
