"""What every pretend provider does: counts requests, checks the key, lets troubles happen, and only then answers."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar
from uuid import uuid4

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .script import Json, Outage, PretendJob
from .world import Asked, World

Answer = Callable[[Request], Awaitable[Response]]


class RefusedError(Exception):
    """A request is refused with this status and this body."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def refused(status: int, detail: Json) -> RefusedError:
    """A refusal in the commonest form."""
    return RefusedError(status, {"detail": detail})


def address(request: Request, path: str) -> str:
    """The whole address of a path of this provider."""
    return str(request.url.replace(path=request.scope.get("root_path", "") + path, query=""))


class Vendor(ABC):
    """A pretend provider. A subclass has its routes and its manners; the manners here are FastAPI's."""

    name: ClassVar[str]
    """The module's name, which is also the provider's."""
    prefix: ClassVar[str]
    """`<prefix>_API_KEY` and `<prefix>_BASE_URL` are its variables."""
    base: ClassVar[str]
    """Where it stands: what follows the host in its base URL."""
    api_path: ClassVar[str] = ""
    """What follows the base URL in every address."""
    id_prefix: ClassVar[str] = ""
    """What stands before the UUID in the id of a job."""
    variables: ClassVar[Mapping[str, str]] = {}
    """Further variables that point at it."""
    example_task: ClassVar[str] = ""
    """What a job is made from, where that is no free text."""
    refuses_without_credits: ClassVar[bool] = True
    """Whether it is known how a start is refused for lack of money; then `world.out_of_credits` has it refused."""
    takes_words: ClassVar[bool] = True
    """Whether an answer to a question is free text, and not just its first option."""

    def __init__(self, world: World) -> None:
        self.world = world

    @classmethod
    def new_id(cls) -> str:
        """The id of a job that is not given one."""
        return f"{cls.id_prefix}{uuid4()}"

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """All that can be asked."""

    @abstractmethod
    def check_key(self, request: Request) -> None:
        """Refuse a request without a good key."""

    def worded(self, refusal: RefusedError) -> Json:
        """The body of a refusal, as this provider puts it."""
        return refusal.body

    def limited(self, _retry_after: str | None) -> Json:
        """The body of an answer 429."""
        return {"detail": "Too many requests"}

    async def not_found(self, _request: Request, _error: Exception) -> Response:
        """The answer where there is no such route."""
        return JSONResponse({"detail": "Not Found"}, 404)

    async def not_allowed(self, _request: Request, _error: Exception) -> Response:
        """The answer where the route has no such method."""
        return JSONResponse({"detail": "Method Not Allowed"}, 405)

    def app(self) -> Starlette:
        """The whole of it."""
        app = Starlette(
            routes=self.routes(),
            middleware=[Middleware(_Gate, vendor=self)],
            exception_handlers={404: self.not_found, 405: self.not_allowed},
        )
        app.router.redirect_slashes = False
        return app

    def route(self, method: str, path: str, answer: Answer, *, key: bool = True) -> Route:
        """A route; with `key`, one that wants the key."""

        async def guarded(request: Request) -> Response:
            try:
                if key:
                    self.check_key(request)
                return await answer(request)
            except RefusedError as error:
                return JSONResponse(self.worded(error), error.status)

        return Route(path, guarded, methods=[method])

    def job(self, name: str, label: str = "", *, unknown: str | RefusedError) -> PretendJob:
        """The job with this id, or whose `label` has it; `unknown` is said when there is none."""
        job = self.world.find(self.name, name)
        if job is None or name != (job.named(label) if label else job.id):
            raise unknown if isinstance(unknown, RefusedError) else refused(404, unknown)
        return job


class _Gate:
    """Counts every request and lets trouble meet it."""

    def __init__(self, app: ASGIApp, vendor: Vendor) -> None:
        self._app = app
        self._vendor = vendor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp = self._app
        if scope["type"] == "http":
            answer = self._in_the_way(scope) or answer
        await answer(scope, receive, send)

    def _in_the_way(self, scope: Scope) -> Response | None:
        world, name = self._vendor.world, self._vendor.name
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["query_string"]:
            path += "?" + scope["query_string"].decode()
        world.requests.append(Asked(name, scope["method"], path))
        trouble = world.trouble_of(name, path)
        if trouble is None:
            return None
        if isinstance(trouble, Outage):
            return _accident(trouble)
        after = trouble.retry_after
        return JSONResponse(self._vendor.limited(after), 429, {} if after is None else {"Retry-After": after})


class _Cut(Response):
    """Begins an answer and breaks the connection. A server over sockets resets it; in process the error comes out."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        raise ConnectionResetError


def _accident(outage: Outage) -> Response:
    match outage.how:
        case "503":
            return JSONResponse({"detail": "Service Unavailable"}, 503)
        case "502":
            return JSONResponse({"detail": "Bad Gateway"}, 502)
        case "html":
            return HTMLResponse("<!doctype html><title>Be right back</title>")
        case "html_error":
            return HTMLResponse("<!doctype html><title>502 Bad Gateway</title>", 502)
        case "empty":
            return Response(media_type="application/json")
        case "truncated":
            return Response('{"id": "5', media_type="application/json")
        case "wrong_shape":
            return JSONResponse({"surprise": True})
        case "reset":
            return _Cut()
