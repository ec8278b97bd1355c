"""The command line: one file a verb."""

__all__: list[str] = []


def main() -> None:
    """Run the command line."""
    raise SystemExit("not built yet")
