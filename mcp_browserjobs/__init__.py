"""One MCP server through which an assistant checks on browser-agent jobs, wherever they run."""

__version__ = "0.1.0"
