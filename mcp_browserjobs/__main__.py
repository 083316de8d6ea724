"""Runs the command line, also as `python -m mcp_browserjobs`."""

import sys


def main() -> None:
    """Run it; whoever interrupts it while it still loads sees no traceback either."""
    try:
        from .cli import main as program  # noqa: PLC0415 - what takes its time is loaded here
    except KeyboardInterrupt:
        sys.exit(130)
    program()


if __name__ == "__main__":
    main()
