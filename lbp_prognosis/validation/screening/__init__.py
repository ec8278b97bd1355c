"""A look at predictors and outcome before any fit: leaks, identifiers, copies of patients, clocks in the wrong unit."""

__all__: list[str] = []
