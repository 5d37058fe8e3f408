"""Attention over what came before, and over a source."""

from typing import Any

from statewise.contract import Entry
from statewise.layers.attention.attentive_decoder import AttentiveDecoder
from statewise.layers.attention.self_attention import SelfAttention
from statewise.layers.recurrent.gru import GRU

POSITIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("attention", "Vaswani et al. 2017; rotary positions: Su et al. 2021", {}),
    ("attention-none", "Haviv et al. 2022", {"positions": "none"}),
    ("attention-sinusoidal", "Vaswani et al. 2017, section 3.5", {"positions": "sinusoidal"}),
    ("attention-alibi", "Press, Smith & Lewis 2022", {"positions": "alibi"}),
    ("attention-learned", "Gehring et al. 2017", {"positions": "learned"}),
)
"""Self-attention by how it knows where a step stands: name, paper, options"""

ATTENTION = (
    *(
        Entry(
            name, "attention", SelfAttention, paper,
            example={"context_length": 5}, defaults=options, block="residual", feed_forward=4.0,
        )
        for name, paper, options in POSITIONS
    ),
    Entry(
        "attentive-decoder", "attention", AttentiveDecoder, "Bahdanau, Cho & Bengio 2015",
        example={"memory_size": 6, "attention_size": 7, "cell": GRU},
    ),
)  # fmt: skip
