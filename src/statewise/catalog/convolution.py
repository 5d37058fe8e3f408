"""Convolutions and windows of a fixed length."""

from statewise.contract import Entry, Knob
from statewise.layers.convolution.temporal_block import TemporalBlock
from statewise.layers.convolution.window_mlp import WindowMLP

CONVOLUTION = (
    Entry(
        "tcn", "convolution", TemporalBlock, "Bai, Kolter & Koltun 2018",
        example={"dilation": 2, "dropout": 0.3}, knobs=(Knob("dropout", 0.0, 0.3),),
    ),
    Entry("window-mlp", "convolution", WindowMLP, "Bengio et al. 2003", example={"window": 4}),
)  # fmt: skip
