"""Operations on tensors: no parameters, one file an operation."""
