"""Operations with their weights, for whatever floor above needs one: no state, one file a module."""
