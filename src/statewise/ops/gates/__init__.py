"""What a gated cell does number by number, between the products with its matrices: one cell a file, in every form."""
