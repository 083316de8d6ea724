"""How long each client waits for one tool call: a wait answers before the client gives up."""

UNKNOWN = 25.0
"""Under the 30 s of CrewAI, LlamaIndex and JetBrains. Most Python frameworks are here: they all say just `mcp`."""

PATIENCE = {
    "claude-ai": 50.0,  # Claude Desktop and claude.ai: users report cuts at 60 s on some paths
    "chatgpt": 50.0,  # its community reports about 60 s
    "zed": 50.0,  # 60 s in its source
    "cline": 50.0,  # 60 s in its source
    "@librechat/api-client": 50.0,  # unset, so the 60 s of the TypeScript SDK
    "inspector-cli": 50.0,  # measured: 60 s
    "mcp-inspector": 50.0,  # as its command line
    "claude-code": 100.0,  # its documentation: after 120 s a call goes to the background
    "codex-mcp-client": 240.0,  # 300 s in its source
    "codex": 240.0,  # as codex-mcp-client
    "goose": 240.0,  # 300 s in its source
    "fastmcp": 240.0,  # pydantic-ai under this name: measured, 300 s in its source
    "gemini-cli-mcp-client": 540.0,  # 600 s in its source
}
"""By the name that a client gives itself, in lower case; in seconds, with what is known of its limit."""


def cap(client: str | None, override: float | None) -> float:
    """The longest wait for a client, in seconds; `override` is the setting that takes its place."""
    return override or PATIENCE.get((client or "").lower(), UNKNOWN)
