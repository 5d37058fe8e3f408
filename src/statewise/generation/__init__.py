"""Text from a model of tokens: how it is drawn, as plain data, and the drawing."""
