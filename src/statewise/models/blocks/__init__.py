"""How a layer, with its feed-forward part where a model has one, becomes a block: one a file, named in ``table``."""
