"""The MCP server: what an assistant sees and is told."""
