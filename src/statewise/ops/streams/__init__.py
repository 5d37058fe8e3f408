"""One step of a recurrence with matrices at a time, in place: what reads its input and its clock, and what steps."""
