"""Point estimates of performance from prepared rows; evaluation adds checks and errors, resampling repeats them."""

__all__: list[str] = []
