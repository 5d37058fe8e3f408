"""Layers that read trees and graphs."""

from statewise.contract import Entry
from statewise.layers.structure.child_sum_tree_lstm import ChildSumTreeLSTM
from statewise.layers.structure.gated_graph import GatedGraphNetwork

STRUCTURE = (
    Entry("child-sum-tree-lstm", "structure", ChildSumTreeLSTM, "Tai, Socher & Manning 2015"),
    Entry(
        "gated-graph", "structure", GatedGraphNetwork, "Li, Tarlow, Brockschmidt & Zemel 2016",
        example={"rounds": 3, "edge_kinds": 2},
    ),
)  # fmt: skip
