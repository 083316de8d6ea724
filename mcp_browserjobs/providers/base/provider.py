"""What a provider is: one wire API of one vendor."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal
from urllib.parse import SplitResult

from pydantic import JsonValue

from ...errors import MalformedIdError, ProviderError
from ...jobs import Job
from .http import Http
from .wire import UUID, Statuses


class Provider(ABC):
    """One wire API of one vendor. A subclass states what it is, and has a method for each thing it can do.

    Only `fetch_job` is required. What else a provider can do follows from the methods of the protocols
    below that it has; there are no flags. A provider keeps no state, knows no time and never retries.
    """

    name: ClassVar[str]
    """The module's name, which is also the provider's and its default account's."""
    title: ClassVar[str]
    """What a person calls it."""
    base_url: ClassVar[str]
    keys_at: ClassVar[str] = ""
    """The page on which a person makes a key, empty where it is not known."""
    api_path: ClassVar[str] = ""
    """What is added to the base URL, which is shared with other generations of the same vendor."""
    key_header: ClassVar[str]
    key_scheme: ClassVar[str] = ""
    """What stands before the key in its header, such as `Bearer `."""
    example_id: ClassVar[str]
    id_form: ClassVar[str]
    """The form of an id, as shown to a person: `org/portal/uuid`."""
    id_pattern: ClassVar[re.Pattern[str]]
    link_path: ClassVar[re.Pattern[str]] = re.compile(f"({UUID})")
    """What in the path of a link of the API or dashboard is an id: the group of the last match."""
    statuses: ClassVar[Statuses]
    """Every status word of the API and what it means here."""
    hosted_poll_seconds: ClassVar[float] = 0
    """The shortest interval between looks that the hosted service asks for."""
    link_hosts: ClassVar[frozenset[str]] = frozenset()
    """Hosts of its dashboard and live view, besides the API's own."""
    capability_hosts: ClassVar[frozenset[str]] = frozenset()
    """Hosts whose links give control or sight to whoever has them (sub-domains included)."""
    options: ClassVar[Mapping[str, str]] = {}
    """Further settings: name in the configuration file -> variable."""
    events_with_job: ClassVar[bool] = False
    """Whether `fetch_job` tells events that the cheap status route does not."""
    cancel_is_provisional: ClassVar[bool] = False
    """Whether a cancelled job may turn out to have ended otherwise."""
    stop_reads_as_failure: ClassVar[bool] = False
    """Whether a job that was stopped is said to have failed."""
    siblings: ClassVar[tuple[str, ...]] = ()
    """Providers of the same key that may know an id which this one does not, in the order to ask."""
    creation_grace: ClassVar[float] = 0
    """For how many seconds a new job may be unknown to its own API."""
    lists_tasks: ClassVar[bool] = True
    """Whether its list shows what each job was asked to do, so that a start can be found there."""
    webhook_proof: ClassVar[Literal["secret", "key", "address"]] = "secret"
    """What tells its webhooks from others: a secret of their own, the account's key, or a secret in the address."""
    continues_with: ClassVar[str] = ""
    """The parameter of a start that names the session to go on in, after a person acted in its live view."""

    def __init__(self, http: Http, options: Mapping[str, str]) -> None:
        self.http = http
        self.http.forbidden = self.forbidden
        self.settings = options

    def canonical_id(self, text: str) -> str:
        """The one form of an id under which a job is known: a UUID at its end is in lower case; pure.

        Raises:
            MalformedIdError: the text cannot be an id of this provider.
        """
        if not self.id_pattern.fullmatch(text):
            raise self.malformed()
        head, slash, last = text.rpartition("/")
        return head + slash + (last.lower() if re.fullmatch(UUID, last) else last)

    def locator(self, text: str) -> str:
        """The form to ask the provider with, where the text says more than the canonical id; pure."""
        return self.canonical_id(text)

    def id_from_link(self, link: SplitResult) -> str | None:
        """The id in a link of the API or dashboard, in a form that `locator` takes, None when there is none; pure."""
        found = [*self.link_path.finditer(link.path)]
        return found[-1][1] if found else None

    def malformed(self) -> MalformedIdError:
        """The error for a text that cannot be an id here."""
        return MalformedIdError(self.name, self.id_form)

    def forbidden(self, answer: JsonValue) -> ProviderError:
        """What a 403 means, by its body: that the key is refused, where the provider knows no better; pure."""
        del answer
        return self.http.refused()

    @abstractmethod
    async def fetch_job(self, job_id: str) -> Job:
        """Look at a job once. `job_id` is a canonical id or a locator that an earlier look gave."""
