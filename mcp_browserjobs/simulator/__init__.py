"""Pretend providers that answer as the real ones do, without a key and without a network.

Every module of this folder that exports a `SIMULATOR` is one. Nothing here is shared with the adapters,
so that a misreading on either side is noticed.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from starlette.applications import Starlette
from starlette.routing import Mount

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
    return Starlette(routes=[Mount(each.base + each.api_path, each.app()) for each in vendors])


def variables(host_url: str, world: World) -> dict[str, str]:
    """The environment variables that point our server at the app served at `host_url`."""
    found: dict[str, str] = {}
    for each in simulators().values():
        found |= {f"{each.prefix}_API_KEY": world.key, f"{each.prefix}_BASE_URL": host_url.rstrip("/") + each.base}
        found |= each.variables
    return found
