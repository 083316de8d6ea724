"""What has been seen, in one SQLite file that several processes of one user share.

Its surface is small and awaited, so that another database can stand behind it. Each statement here takes well
under a millisecond, so they run where they are called; a file locked by a sibling is tried again without
blocking anybody.

`Store` is put together from modules that each remember one kind of thing, and all of them stand on `file.py`.
"""

from .counts import COUNTING_SECONDS
from .file import LOCK_PATIENCE, MEMORY
from .leases import LEASE_SECONDS
from .looks import LINK_DAYS
from .records import NEVER, AccountState, OvertakenError, Position, Record, Start, Task, TaskAnswer
from .schema import MIGRATIONS
from .store import Store

__all__ = [
    "COUNTING_SECONDS",
    "LEASE_SECONDS",
    "LINK_DAYS",
    "LOCK_PATIENCE",
    "MEMORY",
    "MIGRATIONS",
    "NEVER",
    "AccountState",
    "OvertakenError",
    "Position",
    "Record",
    "Start",
    "Store",
    "Task",
    "TaskAnswer",
]
