"""The one way to a provider: adds the key, reads the answer, and turns every failure into a class of ours."""

import json
import math
import re
from codecs import getincrementaldecoder
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self, cast
from urllib.parse import urlsplit

import httpx2
from pydantic import (
    JsonValue,
    SecretStr,
    ValidationError,
)
from pydantic_core import from_json

from ...errors import (
    AuthenticationError,
    ConflictError,
    JobNotFoundError,
    OutOfCreditsError,
    PermissionDeniedError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    RefusedRequestError,
    UnexpectedResponseError,
    UnreachableError,
)
from ...masking import Mask
from ...screenshots import MOST_IMAGE_BYTES, from_base64, is_image
from .access import Access
from .exchange import Exchange
from .public import PrivateAddressError, is_public
from .wire import Model

MAX_BODY_BYTES = 16 * 1024 * 1024
"""More than this is no status answer: reading stops there."""

MOST_PARTS = 1_000_000
"""Each value takes many times the room of its bytes once it is read."""

MAX_EVENT_BYTES = 1024 * 1024
LONGEST_RETRY = 600.0
NOT_FOLLOWED = "a link to an address that is not followed"

Query = Mapping[str, str | int | None]
"""What is asked for; what is None is left out."""


@dataclass(frozen=True)
class Reply:
    """An answer with its status and parsed JSON body (None when it was empty)."""

    status: int
    json: JsonValue


class Http:
    """The one way to a provider: adds the key, reads JSON, and turns every failure into a class of ours.

    Args:
        client: shared by all accounts of the process; it must not follow redirects.
        outside: another such one, for links that lead elsewhere than to the account's own host.
        access: the account's key and base URL.
        headers: the headers that carry the key.

    Attributes:
        forbidden: what a 403 means, by its body.
    """

    def __init__(
        self,
        client: httpx2.AsyncClient,
        access: Access,
        *,
        headers: Mapping[str, str],
        outside: httpx2.AsyncClient | None = None,
    ) -> None:
        self._client = client
        self._outside = outside or client
        self._access = access
        self._key_headers = {name: SecretStr(value) for name, value in headers.items()}
        self._mask = Mask([access.key.get_secret_value()])
        self.forbidden: Callable[[JsonValue], ProviderError] = lambda _: self.refused()

    async def get(
        self,
        path: str,
        *,
        params: Query | None = None,
        accept: tuple[int, ...] = (),
        most: int = MAX_BODY_BYTES,
    ) -> Reply:
        """GET `path` under the base URL, a body of at most `most` bytes.

        Statuses in `accept` come back as replies; other failures raise.

        Raises:
            AuthenticationError: 401, and 403 unless the provider knows better. JobNotFoundError: 404.
            OutOfCreditsError: 402.
            RateLimitedError: 429. ProviderUnavailableError: network, time-out, 5xx.
            UnexpectedResponseError: anything else, and bodies that are no JSON.
        """
        return await self._send("GET", path, params=params, body=None, accept=accept, most=most)

    async def post(
        self,
        path: str,
        *,
        params: Query | None = None,
        body: JsonValue = None,
        accept: tuple[int, ...] = (),
        reads: bool = True,
    ) -> Reply:
        """POST `body` as JSON (nothing when None). An answer without a body is None, and so is one that nobody reads.

        Raises:
            ConflictError: 409. RefusedRequestError: 400, 413, 415 or 422. Others as in `get`.
        """
        return await self._send("POST", path, params=params, body=body, accept=accept, reads=reads)

    async def put(self, path: str, *, params: Query | None = None, accept: tuple[int, ...] = ()) -> Reply:
        """PUT without a body. Answers and failures as in `post`."""
        return await self._send("PUT", path, params=params, body=None, accept=accept)

    async def patch(self, path: str, *, body: JsonValue, accept: tuple[int, ...] = ()) -> Reply:
        """PATCH with `body` as JSON. Answers and failures as in `post`."""
        return await self._send("PATCH", path, params=None, body=body, accept=accept)

    async def delete(self, path: str, *, accept: tuple[int, ...] = ()) -> Reply:
        """DELETE without a body. Answers and failures as in `post`."""
        return await self._send("DELETE", path, params=None, body=None, accept=accept)

    async def location(self, path: str) -> str | None:
        """Where a GET of `path` redirects to, without going there; None when it does not. Failures as in `get`."""
        url, headers = self._access.base_url + path, self._headers("*/*")
        async with self._answer("GET", url, headers) as response:
            if response.has_redirect_location:
                return self._mask(str(response.headers["location"]))
            if response.is_success:
                return None
            raise self._failure("GET", response.status_code, response.headers)

    async def stream(self, path: str, *, params: Query | None = None) -> AsyncGenerator[JsonValue]:
        """GET a stream of server-sent events: the JSON of each, as they come. Close it when you leave early.

        Raises:
            ProviderUnavailableError: the connection broke. Others as in `get`.
            UnexpectedResponseError: it is no such stream, an event is no JSON or over a mebibyte.
        """
        url, headers = self._access.base_url + path, self._headers("text/event-stream")
        async with self._answer("GET", url, headers, params=params) as response:
            if not response.is_success:
                raise self._failure("GET", response.status_code, response.headers)
            try:
                async with aclosing(response.aiter_bytes()) as chunks, aclosing(_events_in(response, chunks)) as events:
                    async for event in events:
                        if event.data:
                            yield self._json(event.data.encode(), response.status_code)
            except httpx2.SSEError:
                raise self.unexpected("no stream of events") from None

    async def get_bytes(self, path: str, *, params: Query | None = None, most: int = MAX_BODY_BYTES) -> bytes:
        """GET a body that is no JSON, of at most `most` bytes. Failures as in `get`."""
        url, headers = self._access.base_url + path, self._headers("*/*")
        async with self._answer("GET", url, headers, params=params) as response:
            if not response.is_success:
                raise self._failure("GET", response.status_code, response.headers)
            return self._mask.of_bytes(await self._body(response, most))

    async def download(self, url: str, *, most: int = MAX_BODY_BYTES) -> bytes | None:
        """GET a signed link that the provider gave, without the key; None when it has expired or is gone.

        Only https is followed (or the account's own host), to a public address, and no redirect.

        Raises:
            UnexpectedResponseError: the link leads where none should, or holds more than `most` bytes.
            ProviderUnavailableError: its host cannot be reached or answers 5xx.
        """
        if not _may_follow(url, self._access.base_url):
            raise self.unexpected(NOT_FOLLOWED)
        client = self._client if _at_home(url, self._access.base_url) else self._outside
        async with self._answer("GET", url, {"Accept": "*/*"}, client=client) as response:
            if response.is_success:
                return self._mask.of_bytes(await self._body(response, most))
            if response.is_client_error:
                return None
            raise self._failure("GET", response.status_code, response.headers)

    async def download_image(self, url: str) -> bytes | None:
        """As `download`, and what comes must be an image."""
        image = await self.download(url, most=MOST_IMAGE_BYTES)
        if image is not None and not is_image(image):
            raise self.unexpected("a screenshot that is no image")
        return image

    def decoded_image(self, encoded: str) -> bytes:
        """The image that an answer holds as a base64 text or a `data:` URI; failures as in `read`."""
        image = from_base64(encoded)
        if image is None:
            raise self.unexpected("a screenshot that is no image")
        return image

    async def get_model(
        self, path: str, model: type[Model], *, params: Query | None = None, most: int = MAX_BODY_BYTES
    ) -> Model:
        """GET `path` and read the body as `model`. Failures as in `get`."""
        return self.read((await self.get(path, params=params, most=most)).json, model)

    async def find_model(
        self, path: str, model: type[Model], *, params: Query | None = None, missing: tuple[int, ...] = (404,)
    ) -> Model | None:
        """As `get_model`; None where a status in `missing` says that there is none."""
        reply = await self.get(path, params=params, accept=missing)
        return None if reply.status in missing else self.read(reply.json, model)

    def read(self, value: JsonValue, model: type[Model]) -> Model:
        """Read a body as `model`.

        Raises:
            UnexpectedResponseError: it does not fit; names the fields, never their values.
        """
        try:
            return model.model_validate(value)
        except ValidationError as error:
            raise self.unexpected(_field_paths(error)) from None

    def unexpected(self, where: str) -> UnexpectedResponseError:
        """The error for an answer of an unknown shape."""
        return UnexpectedResponseError(self._access.provider, self._access.account, where=where)

    def not_found(self) -> JobNotFoundError:
        """The error for a job that the provider does not know."""
        return JobNotFoundError(self._access.provider, self._access.account)

    def refused(self) -> AuthenticationError:
        """The error for a key that the provider does not take."""
        return AuthenticationError(self._access.provider, self._access.account, variable=self._access.key_variable)

    def denied(self, reason: str) -> PermissionDeniedError:
        """The error for a good key that may not see this; `reason` is a few words of ours."""
        return PermissionDeniedError(self._access.provider, self._access.account, reason=reason)

    def conflict(self) -> ConflictError:
        """The error for a job that is not in a state for what was asked."""
        return ConflictError(self._access.provider, self._access.account)

    def not_accepted(self, where: str = "") -> RefusedRequestError:
        """The error for what the provider does not accept; `where` names fields, or what else is wrong."""
        return RefusedRequestError(self._access.provider, self._access.account, where=where)

    def missing(self, parameters: Mapping[str, JsonValue]) -> RefusedRequestError:
        """The error for a 404 to a start: what the parameters name is not there or, without any, the route is not."""
        return self.not_accepted("" if parameters else "no such API at this base URL")

    @contextmanager
    def naming_no_job(self) -> Iterator[None]:
        """Frame requests that name no job: when nothing is found, it is the API itself that is not there."""
        try:
            yield
        except JobNotFoundError:
            raise self.unexpected("no such API at this base URL") from None

    def _headers(self, accept: str = "application/json") -> dict[str, str]:
        return {"Accept": accept} | {name: value.get_secret_value() for name, value in self._key_headers.items()}

    @property
    def account(self) -> str:
        """The account's name."""
        return self._access.account

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Query | None,
        body: JsonValue,
        accept: tuple[int, ...],
        most: int = MAX_BODY_BYTES,
        reads: bool = True,
    ) -> Reply:
        url = self._access.base_url + path
        async with self._answer(method, url, self._headers(), params=params, body=body) as response:
            status = response.status_code
            if response.is_success and not reads:
                return Reply(status, None)
            if status in accept or response.is_success:
                said = await self._body(response, most)
                return Reply(status, None if method != "GET" and not said.strip() else self._json(said, status))
            failure = self._failure(method, status, response.headers)
            if status == httpx2.codes.FORBIDDEN or isinstance(failure, RefusedRequestError):
                answer = self._json(await self._body(response, MAX_BODY_BYTES), status)
                if status == httpx2.codes.FORBIDDEN:
                    raise self.forbidden(answer)
                raise self.not_accepted(fields_of(body if isinstance(body, dict) else {}, answer))
            raise failure

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        params: Query | None = None,
        body: JsonValue = None,
        client: httpx2.AsyncClient | None = None,
    ) -> AsyncIterator[httpx2.Response]:
        """Send a request; what goes wrong on the way or in reading is a failure of ours."""
        access = self._access
        query = {name: value for name, value in (params or {}).items() if value is not None} or None
        try:
            with Exchange(access, method, url) as exchange:
                async with (client or self._client).stream(
                    method, url, params=query, headers=headers, json=body, follow_redirects=False
                ) as response:
                    exchange.status = response.status_code
                    yield response
        except httpx2.DecodingError:
            raise self.unexpected("the body's encoding") from None
        except (UnicodeEncodeError, httpx2.LocalProtocolError):
            # No header can carry this key, so no provider has given it.
            raise self.refused() from None
        except PrivateAddressError:
            raise self.unexpected(NOT_FOLLOWED) from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            raise UnreachableError(access.provider, access.account) from None
        except (httpx2.HTTPError, httpx2.InvalidURL):
            raise ProviderUnavailableError(access.provider, access.account) from None

    async def _body(self, response: httpx2.Response, most: int) -> bytes:
        body = bytearray()
        async with aclosing(response.aiter_bytes()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > most:
                    raise self.unexpected(f"a body of over {most} bytes")
        return bytes(body)

    def _json(self, body: bytes, status: int) -> JsonValue:
        failed = status >= httpx2.codes.BAD_REQUEST
        if not body.strip():
            if failed or status == httpx2.codes.NO_CONTENT:
                return None
            raise self.unexpected("an empty body")
        if len(body) > MOST_PARTS and sum(map(body.count, (b",", b"[", b"{"))) > MOST_PARTS:
            raise self.unexpected("a body of too many parts")
        try:
            return self._mask.of_json(_parse(body), body)
        except ValueError:
            if failed:
                return None
            kind = "a page of HTML" if body.lstrip()[:1] == b"<" else "a body that is no JSON"
            raise self.unexpected(kind) from None

    def _failure(self, method: str, status: int, headers: Mapping[str, str]) -> Exception:
        provider, account = self._access.provider, self._access.account
        match status:
            case 401 | 403:
                return self.refused()
            case 402:
                return OutOfCreditsError(provider, account)
            case 404 | 410:
                return self.not_found()
            case 409 if method != "GET":
                return ConflictError(provider, account)
            case 400 | 413 | 415 | 422 if method != "GET":
                return RefusedRequestError(provider, account)
            case 429:
                return RateLimitedError(provider, account, retry_after=retry_after(headers))
            case _ if status >= httpx2.codes.INTERNAL_SERVER_ERROR:
                return ProviderUnavailableError(provider, account, status=status, retry_after=retry_after(headers))
            case _ if 300 <= status < 400:
                return self.unexpected("a redirect to another address")
            case _:
                return self.unexpected(f"HTTP status {status}")


class _Text:
    """What an EventSource reads of a response; it leaves the generators of a real one open when it is left early."""

    def __init__(self, response: httpx2.Response, chunks: AsyncIterator[bytes]) -> None:
        self.headers = response.headers
        self.request = response.request
        self._chunks = chunks
        self._decode = getincrementaldecoder("utf-8")("replace").decode

    def aiter_text(self) -> Self:
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        return self._decode(await anext(self._chunks))


def _events_in(response: httpx2.Response, chunks: AsyncIterator[bytes]) -> AsyncGenerator[httpx2.ServerSentEvent]:
    source = httpx2.EventSource(cast("httpx2.Response", _Text(response, chunks)), max_event_size=MAX_EVENT_BYTES)
    return cast("AsyncGenerator[httpx2.ServerSentEvent]", aiter(source))


def _at_home(url: str, base_url: str) -> bool:
    """Whether a link leads to the account's own host."""
    try:
        link, base = urlsplit(url), urlsplit(base_url)
        same = (link.scheme, link.hostname, link.port) == (base.scheme, base.hostname, base.port)
    except ValueError:
        return False
    return same


def _may_follow(url: str, base_url: str) -> bool:
    """Whether a link that a provider gave may be fetched: not a door into somebody's own network."""
    if _at_home(url, base_url):
        return True
    try:
        link = urlsplit(url)
        host, _ = (link.hostname or "").rstrip("."), link.port
    except ValueError:
        return False
    try:
        public = is_public(host)
    except ValueError:
        # A last part that begins with a digit is another way to write an IP address.
        named = re.search(r"\.[a-z][a-z0-9-]*\Z", host) is not None
        public = named and not host.endswith((".local", ".internal", ".localhost"))
    return link.scheme == "https" and public and not (link.username or link.password)


def _parse(body: bytes) -> JsonValue:
    """Read JSON; halves of surrogate pairs (an emoji cut in two) become question marks, NaN and 1e999 become null."""
    parsed: JsonValue
    try:
        parsed = from_json(body, allow_inf_nan=False)
    except ValueError:
        return _parse_leniently(body)
    return _parse_leniently(body) if _MAY_OVERFLOW.search(body) else parsed


def _parse_leniently(body: bytes) -> JsonValue:
    parsed: JsonValue
    try:
        lenient = json.loads(body, parse_constant=lambda _: None, parse_float=_finite)
        parsed = from_json(json.dumps(lenient, ensure_ascii=False).encode(errors="replace"))
    except RecursionError:
        raise ValueError from None
    return parsed


_MAY_OVERFLOW = re.compile(rb"[\d.][eE]\+?\d{3}|\d{300}")


def _finite(number: str) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None


def _field_paths(error: ValidationError) -> str:
    paths = {".".join(map(_path_part, problem["loc"])) or "the body" for problem in error.errors()}
    return ", ".join(sorted(paths)[:5])


def fields_of(sent: Mapping[str, JsonValue], answer: JsonValue) -> str:
    """Which of the fields that were sent a refusal speaks of, in FastAPI's manner or Django's."""
    named = dict(answer) if isinstance(answer, dict) else {}
    problems = named.pop("detail", None)
    details = problems if isinstance(problems, list) else []
    places = [problem.get("loc") for problem in details if isinstance(problem, dict)]
    words = {word for place in places if isinstance(place, list) for word in place[:2] if isinstance(word, str)}
    return ", ".join(_path_part(field) for field in sent if field in words | named.keys())


def _path_part(part: int | str) -> str:
    """A part of a field's path. What cannot be a field's name is a key of the provider's, and stays out."""
    return str(part) if re.fullmatch(r"\w{1,40}", str(part)) else "*"


def retry_after(headers: Mapping[str, str], *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """The seconds a `Retry-After` header asks for (a number or an HTTP date), None when absent or unreadable.

    Nobody is kept waiting for longer than LONGEST_RETRY.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return min(LONGEST_RETRY, float(text))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    wish = (moment.replace(tzinfo=moment.tzinfo or UTC) - now()).total_seconds()
    return min(LONGEST_RETRY, max(0.0, wish))
