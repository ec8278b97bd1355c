"""What a block of predictors adds to others."""

__all__: list[str] = []
