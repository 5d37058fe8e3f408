"""What a cell does number by number between the products of a step that follow each other: one cell a file."""
