"""What every provider is made of: the Provider class, the abilities it may have, and the one HTTP client."""

from .abilities import (
    AwaitsChanges,
    CancelsJobs,
    ChecksKey,
    KeepsLogs,
    ListsJobs,
    PausesJobs,
    ReportsEvents,
    ReportsLinks,
    ReportsStatus,
    ResumesJobs,
    SendsWebhooks,
    StartsJobs,
    StreamsChanges,
    TakesAnswers,
    TakesPictures,
)
from .connections import (
    Connections,
)
from .http import (
    MAX_BODY_BYTES,
    Access,
    Http,
    Reply,
    fields_of,
    retry_after,
)
from .in_process import InProcess
from .provider import (
    UUID,
    Provider,
)
from .webhooks import Delivery, signs
from .wire import (
    Model,
    Optional,
    Wire,
    page_number,
    unique,
    web_links,
)

__all__ = [
    "MAX_BODY_BYTES",
    "UUID",
    "Access",
    "AwaitsChanges",
    "CancelsJobs",
    "ChecksKey",
    "Connections",
    "Delivery",
    "Http",
    "InProcess",
    "KeepsLogs",
    "ListsJobs",
    "Model",
    "Optional",
    "PausesJobs",
    "Provider",
    "Reply",
    "ReportsEvents",
    "ReportsLinks",
    "ReportsStatus",
    "ResumesJobs",
    "SendsWebhooks",
    "StartsJobs",
    "StreamsChanges",
    "TakesAnswers",
    "TakesPictures",
    "Wire",
    "fields_of",
    "page_number",
    "retry_after",
    "signs",
    "unique",
    "web_links",
]
