"""What a model costs: parameters, arithmetic, state bytes, time and memory."""
