"""State-space layers and minimal gated units: recurrences that are linear in their state and run in parallel over time."""
