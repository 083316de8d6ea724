"""What a bearer token may allow, and whether who asks now may change something."""

from mcp.server.auth.middleware.auth_context import get_access_token

READ, ACT = "jobs:read", "jobs:act"
SCOPES = [READ, ACT]


def may_act() -> bool:
    """Whether who asks now may change something: everybody but those whose token lacks that scope."""
    token = get_access_token()
    return token is None or ACT in token.scopes
