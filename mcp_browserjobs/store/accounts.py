"""Whether an account's key works, and how long it must rest."""

from ..jobs import KeyState
from .file import File
from .records import AccountState, to_moment


class Accounts(File):
    """Remembers the state of accounts."""

    async def account(self, name: str) -> AccountState:
        """What is known of an account."""
        row = await self._try(lambda: self._db.execute("SELECT * FROM accounts WHERE name = ?", (name,)).fetchone())
        return (
            AccountState(KeyState(row["key_state"]), to_moment(row["rest_until"]), row["strikes"])
            if row
            else AccountState()
        )

    async def set_account(self, name: str, state: AccountState) -> None:
        """Write down what is known of an account."""
        values = (name, state.key, state.rest_until.timestamp(), state.strikes)
        await self._write(lambda: self._db.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?)", values))
