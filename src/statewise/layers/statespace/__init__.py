"""State-space layers and minimal gated units: linear in their state, so that time runs in parallel."""
