"""Reservoirs: fixed recurrent weights, of which the readout alone is trained."""
