"""The store: all that callers await, over one file."""

from .accounts import Accounts
from .counts import Counts
from .leases import Leases
from .looks import Looks
from .starts import Starts
from .tasks import Tasks


class Store(Looks, Starts, Tasks, Accounts, Counts, Leases):
    """Everything that has been seen. How it is opened, left and come back to is in `File`."""
