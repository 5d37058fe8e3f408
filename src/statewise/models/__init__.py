"""Models from a config: input side, layers, head."""
