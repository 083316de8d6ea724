"""Pretend providers that answer as the real ones do, without a key and without a network.

Every module of this folder that exports a `SIMULATOR` is one. Nothing here is shared with the adapters,
so that a misreading on either side is noticed.
"""

from functools import cache, cached_property
from importlib import import_module
from pkgutil import iter_modules

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from .vendor import Vendor
from .world import World


@cache
def simulators() -> dict[str, type[Vendor]]:
    """All pretend providers by name, in alphabetical order."""
    modules = {each.name: import_module(f".{each.name}", __name__) for each in iter_modules(__path__)}
    return {name: module.SIMULATOR for name, module in sorted(modules.items()) if hasattr(module, "SIMULATOR")}


def application(world: World) -> Starlette:
    """All of them as one ASGI app, each where its base URL says."""
    vendors = [kind(world) for kind in simulators().values()]
    return Starlette(routes=[Mount(each.base + each.api_path, _WhenAsked(each)) for each in vendors])


class _WhenAsked:
    """A provider whose many routes are only made when somebody asks for one."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    @cached_property
    def _app(self) -> ASGIApp:
        return self._vendor.app()


def variables(host_url: str, world: World) -> dict[str, str]:
    """The environment variables that point our server at the app served at `host_url`."""
    found: dict[str, str] = {}
    for each in simulators().values():
        found |= {f"{each.prefix}_API_KEY": world.key, f"{each.prefix}_BASE_URL": host_url.rstrip("/") + each.base}
        found |= each.variables
    return found
