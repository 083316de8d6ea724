"""Whose bearer token is good over HTTP, and what it allows: the two that can be set, and those of an OAuth issuer."""

import logging
import re
from hmac import compare_digest
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import jwt
from mcp.server.auth.provider import AccessToken

from ..settings import OAuth, Settings
from .scopes import READ, SCOPES

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Those of which the issuer alone has the key that signs."""
LONGEST_TOKEN = 8192
FRESH_SECONDS = 600.0
RETRY_SECONDS = 30.0
"""A token that names an unknown key has the issuer asked again, but not more often than that."""
LEEWAY_SECONDS = 30
ISSUER_SECONDS = 5
UNREADABLE = (jwt.PyJWTError, OSError, LookupError, ValueError, TypeError, AttributeError, RecursionError)
"""What the documents of an issuer that cannot be reached or makes no sense fail with."""
WELL_KNOWN = (".well-known/oauth-authorization-server", ".well-known/openid-configuration")

log = logging.getLogger(__name__)


class Tokens:
    """Tells good tokens from others, for the SDK's BearerAuthBackend."""

    def __init__(self, settings: Settings) -> None:
        known = ((settings.token, "token", SCOPES), (settings.read_token, "read-token", [READ]))
        self._known = [(token, client, list(scopes)) for token, client, scopes in known if token]
        self._issuer = Issuer(settings.oauth) if settings.oauth else None

    async def verify_token(self, token: str) -> AccessToken | None:
        """What the token allows, and whom; None when it is not good."""
        given, found = token.encode(errors="surrogatepass"), None
        for expected, client, scopes in self._known:
            if compare_digest(given, expected.get_secret_value().encode()):
                found = AccessToken(token="", client_id=client, scopes=scopes)
        if found or self._issuer is None or len(token) > LONGEST_TOKEN:
            return found
        return await self._issuer.verify(token)


class Issuer:
    """Verifies the tokens of an OAuth issuer by the keys that it publishes (RFC 8414, RFC 7517, RFC 9068)."""

    def __init__(self, oauth: OAuth) -> None:
        self._oauth = oauth
        self._place: str | None = None
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = self._asked_at = float("-inf")
        self._asking = anyio.Lock()

    async def verify(self, token: str) -> AccessToken | None:
        """What the token allows, None when it is not good or its issuer cannot be asked for its keys."""
        try:
            key = await self._key(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._oauth.audience,
                issuer=self._oauth.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return None
        subject = claims.get("sub")
        client = claims.get("client_id") or claims.get("azp") or subject or "client"
        return AccessToken(
            token="",
            client_id=str(client),
            scopes=_scopes(claims.get("scope", claims.get("scp"))),
            expires_at=int(claims["exp"]) + LEEWAY_SECONDS,
            subject=None if subject is None else str(subject),
            claims={"iss": self._oauth.issuer},
        )

    async def _key(self, name: str) -> jwt.PyJWK | None:
        """The key of this name. The issuer is asked when it is unknown, and by one caller when it was read long ago."""
        known = self._keys.get(name)
        is_old = anyio.current_time() - self._read_at > FRESH_SECONDS
        if known is None or (is_old and not self._asking.locked()):
            await self._ask()
        return self._keys.get(name)

    async def _ask(self) -> None:
        """Ask the issuer for its keys, at most every RETRY_SECONDS; those known stay while it cannot be asked."""
        async with self._asking:
            if anyio.current_time() - self._asked_at < RETRY_SECONDS:
                return
            self._asked_at = anyio.current_time()
            try:
                if (place := self._place) is None:
                    place = await anyio.to_thread.run_sync(_place_of_keys, self._oauth.issuer)
                self._keys, self._place = await anyio.to_thread.run_sync(_keys_at, place), place
                self._read_at = anyio.current_time()
            except UNREADABLE as error:
                self._place = None
                log.warning("the OAuth issuer does not tell its keys: %s", type(error).__name__)


def _keys_at(place: str) -> dict[str, jwt.PyJWK]:
    """The keys that are published there, by their names, as far as they are of any use."""
    found = jwt.PyJWKClient(place, timeout=ISSUER_SECONDS, cache_jwk_set=False).get_signing_keys()
    return {str(key.key_id): key for key in found if key.algorithm_name in ALGORITHMS}


def _place_of_keys(issuer: str) -> str:
    """Where an issuer publishes its keys, as its metadata say."""
    failure: jwt.PyJWTError | None = None
    for place in _metadata(issuer):
        try:
            metadata = jwt.PyJWKClient(place, timeout=ISSUER_SECONDS, cache_jwk_set=False).fetch_data()
        except jwt.PyJWTError as error:
            failure = error
            continue
        if metadata["issuer"] != issuer or not is_trusted(metadata["jwks_uri"], issuer):
            raise ValueError("the metadata are not to be trusted")
        return str(metadata["jwks_uri"])
    raise failure or ValueError


def is_trusted(place: str, issuer: str) -> bool:
    """Whether keys come from there as their issuer sent them: over TLS, or as the issuer itself is reached."""
    keys, home = urlsplit(place), urlsplit(issuer)
    return keys.scheme == "https" or (keys.scheme, keys.hostname) == (home.scheme, home.hostname)


def _metadata(issuer: str) -> list[str]:
    """Where an issuer may describe itself: before its path (RFC 8414), or after it (OpenID Connect)."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    return [f"{origin}/{WELL_KNOWN[0]}{path}", f"{origin}/{WELL_KNOWN[1]}{path}", f"{origin}{path}/{WELL_KNOWN[1]}"]


def _scopes(claim: object) -> list[str]:
    """The scopes of a claim that is a list, or words with blanks between them."""
    if isinstance(claim, str):
        claim = re.split(r"\s+", claim.strip())
    return [scope for scope in claim if isinstance(scope, str)] if isinstance(claim, list) else []
