"""Runs the command line as `python -m mcp_browserjobs`."""

from .cli import main

main()
