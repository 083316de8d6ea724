"""Where programs keep what they are told, on the system at hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

VARIABLES = frozenset({"APPDATA", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "LOCALAPPDATA", "XDG_CONFIG_HOME"})
"""What decides, besides the home, where hosts look for their configuration."""


@dataclass(frozen=True)
class System:
    """An operating system, somebody's home on it, and those of VARIABLES that are set."""

    kind: Literal["linux", "macos", "windows"]
    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def folder(self, variable: str, *default: str) -> Path:
        """The folder that a variable names, or this one in the home. A relative one counts as not set."""
        named = Path(self.variables.get(variable, ""))
        return named if named.is_absolute() else self.home.joinpath(*default)

    @property
    def dot_config(self) -> Path:
        """Where command line programs keep theirs, other than on Windows."""
        return self.folder("XDG_CONFIG_HOME", ".config")

    @property
    def roaming(self) -> Path:
        """The folder for it on Windows."""
        return self.folder("APPDATA", "AppData", "Roaming")

    @property
    def desktop(self) -> Path:
        """Where desktop programs keep theirs."""
        match self.kind:
            case "windows":
                return self.roaming
            case "macos":
                return self.home / "Library" / "Application Support"
            case "linux":
                return self.dot_config
