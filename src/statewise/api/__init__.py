"""The verbs from Python, in a few lines: compare models, train one, use it, time layers, write a report."""
