"""A whole sequence by Newton's method over all its states at once. Experimental, never a default."""
