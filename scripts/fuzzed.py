"""What `scripts/fuzz` runs: one target, its code watched by atheris, which is in .live and not in the lock."""

import json
import sys
from random import Random

import atheris  # type: ignore[import-untyped] # its stubs are for an older one

with atheris.instrument_imports(include=["mcp_browserjobs", "tarfile", "ruamel"]):
    from mcp_browserjobs import providers
    from tests.fuzz.targets import SEPARATOR, TARGETS

    for name in providers.names():
        providers.load(name)

from tests.providers.test_mutations import RATES, mutated


def rewritten(content: bytes, most: int, seed: int) -> bytes:
    """Other answers of a provider: every second time those that are JSON have other parts, and not only other bytes."""
    chance = Random(seed)  # noqa: S311 - the same for the same seed
    head, bodies = content[:2], content[2:].split(SEPARATOR)
    place = chance.randrange(len(bodies))
    try:
        body = mutated(json.loads(bodies[place]), chance, chance.choice(RATES))
    except (ValueError, RecursionError):
        body = None
    if body is None or seed % 2:
        return bytes(atheris.Mutate(content, most))
    bodies[place] = json.dumps(body).encode()
    return (head + SEPARATOR.join(bodies))[:most]


if __name__ == "__main__":
    chosen = sys.argv[1]
    ways = {"custom_mutator": rewritten} if chosen in providers.names() else {}
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[chosen], **ways)
    atheris.Fuzz()
