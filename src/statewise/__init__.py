"""statewise: sequence models that carry state, built, trained and compared on one contract."""
