"""What providers send by webhook: a hint that a job is worth a look, and never a source of truth."""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime, timedelta
from hmac import compare_digest

from . import providers
from .errors import MissingKeyError, UnknownAccountError
from .jobs import JobRef
from .providers.base import Delivery, Provider, SendsWebhooks
from .settings import Account
from .tracker import Tracker

REMEMBERED = timedelta(minutes=10)
MOST_REMEMBERED = 4096
"""A delivery that came before counts as nothing, for so long and among so many."""
MOST_HINTS = 20
"""So many jobs at most are looked at because of deliveries at once: those that are watched are looked at anyway."""

log = logging.getLogger(__name__)


class Deliveries:
    """Takes in deliveries. Whoever sends one learns nothing, whatever comes of it."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._seen: OrderedDict[bytes, datetime] = OrderedDict()
        self._complained: set[str] = set()

    async def take(self, account: str, address_secret: str, delivery: Delivery) -> None:
        """Have the job that a genuine delivery is about looked at, if it is known and not over.

        Args:
            account: whom the address names.
            address_secret: the secret part of the address, where it has one.
        """
        known = self._tracker.accounts.get(account)
        sender = self._sender(account)
        if known is None or sender is None or known.webhook_secret is None:
            return
        secret = known.webhook_secret.get_secret_value()
        in_address = providers.load(known.provider).webhook_proof == "address"
        expected = secret if in_address else ""
        if not compare_digest(address_secret.encode(errors="replace"), expected.encode()):
            self._complain(account)
            return
        ids = sender.jobs_of(delivery, secret)
        if not ids:
            self._complain(account)
        elif not self._came_before(account, delivery):
            for ref in await self._known(known, ids):
                self._tracker.hint(ref)

    def _sender(self, account: str) -> SendsWebhooks | None:
        try:
            provider: Provider = self._tracker.provider(account)
        except (UnknownAccountError, MissingKeyError):
            return None
        return provider if isinstance(provider, SendsWebhooks) else None

    def _complain(self, account: str) -> None:
        """Say once to whoever runs this that something is not as it should be; it may be a stranger's doing, too."""
        if account not in self._complained:
            self._complained.add(account)
            log.warning("a webhook of %s is about no job, or not signed as it should be", account)

    def _came_before(self, account: str, delivery: Delivery) -> bool:
        mark = hashlib.sha256(account.encode() + b"\0" + delivery.body).digest()
        while self._seen and (
            len(self._seen) >= MOST_REMEMBERED or next(iter(self._seen.values())) < delivery.now - REMEMBERED
        ):
            self._seen.popitem(last=False)
        before = self._seen.pop(mark, None)
        self._seen[mark] = delivery.now
        return before is not None

    async def _known(self, account: Account, ids: tuple[str, ...]) -> list[JobRef]:
        """The jobs of these ids that are known and may change yet, in all accounts of the same key."""
        store = self._tracker.store
        refs = [ref for name in self._of_one_key(account) for one in ids for ref in await store.find_part(name, one)]
        records = [await store.load(ref) for ref in refs]
        return [record.ref for record in records if record and self._tracker.may_change(record)][:MOST_HINTS]

    def _of_one_key(self, account: Account) -> Iterator[str]:
        prefix = providers.prefix(account.provider)
        for other in self._tracker.accounts.values():
            same = providers.prefix(other.provider) == prefix and other.key_variable == account.key_variable
            if same:
                yield other.name
