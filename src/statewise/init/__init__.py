"""Initial values of weights: recurrent matrices, reservoirs, spectra of state-space models."""
