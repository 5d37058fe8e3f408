"""Tasks: what is to be learnt, with its oracle and what knowing nothing would score."""
