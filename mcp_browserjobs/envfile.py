"""Files of variables, a NAME=value on each line."""

import io
from pathlib import Path

from dotenv.parser import parse_stream

from .errors import ConfigError


def read_env_file(path: Path) -> dict[str, str]:
    """The variables in a file, those without a value left out.

    Raises:
        ConfigError: it cannot be read, or a line of it is none.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), "is not encoded as UTF-8") from None
    found: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            raise ConfigError(str(path), f"has something else than NAME=value at line {binding.original.line}")
        if binding.key and binding.value:
            found[binding.key] = binding.value
    return found
