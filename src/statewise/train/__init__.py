"""Training: a small loop with carried state, exact resume and plain history."""
