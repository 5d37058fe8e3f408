"""How fast layers are on this machine: medians of runs that take turns, beside torch.nn and a physical floor."""
