"""What the generations of the pretend Browser Use Cloud share: the key, the limits, the account, the pictures.

Not known, and so of our own making: the body for a wrong key, and that links last as long everywhere as in API v3.
"""

from datetime import datetime, timedelta
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .pictures import picture
from .script import Json, PretendJob, State, as_text
from .vendor import Vendor, address, refused

PICTURE = "/pictures/{id}/{number:int}.png"
LINK_LASTS = timedelta(minutes=5)
TITLE_WORDS = 5


class Cloud(Vendor):
    """The base of a generation of the API that takes the key in `X-Browser-Use-API-Key`."""

    prefix = "BROWSER_USE"
    base = "/browser_use"
    account: ClassVar[dict[str, Json]] = {
        "name": None,
        "totalCreditsBalanceUsd": 12.5,
        "monthlyCreditsBalanceUsd": 2.5,
        "additionalCreditsBalanceUsd": 10,
        "rateLimit": 10,
        "planInfo": None,
        "isFreeTier": False,
        "projectId": "7d1f0c52-6a43-4a0e-9d5b-0a3c6f1e2b48",
    }

    def common_routes(self) -> list[Route]:
        """The account, and the pictures, whose links need no key."""
        return [
            self.route("GET", "/billing/account", self.billing),
            self.route("GET", PICTURE, self.picture, key=False),
        ]

    def check_key(self, request: Request) -> None:
        key = request.headers.get("x-browser-use-api-key")
        if key is None:
            raise refused(401, "X-Browser-Use-API-Key header is required")
        if not self.world.accepts(key):
            raise refused(401, "Invalid API key")

    def limited(self, retry_after: str | None) -> Json:
        """Too many sessions, too many requests of the project, or too many from one address."""
        if retry_after is None:
            return {"detail": "Too many concurrent active sessions."}
        if not retry_after.isdigit() or int(retry_after) >= 300:
            return {"error": "rate_limited"}
        return {"error": "rate_limited", "limit_rps": 25, "retry_after_seconds": int(retry_after)}

    async def billing(self, _request: Request) -> Response:
        return JSONResponse(self.account)

    async def picture(self, request: Request) -> Response:
        self.linked_job(request)
        return Response(picture(request.path_params["number"]), media_type="image/png")

    def linked_job(self, request: Request) -> PretendJob:
        """The job that a signed link leads to, as long as the link lasts."""
        job = self.job(request.path_params["id"], unknown="Not Found")
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        expires = request.query_params.get("expires", "")
        late = not expires.isdigit() or int(expires) < self.world.clock().timestamp()
        if late or request.query_params.get("signature") != job.named(f"{path} {expires}"):
            raise refused(403, "Request has expired")
        return job

    def check_credits(self) -> None:
        """Refuse to start anything when there is no money."""
        if self.world.out_of_credits:
            raise refused(402, "Insufficient credits")


def picture_url(request: Request, job: PretendJob, number: int) -> str:
    """A link to a screenshot of a job."""
    return signed_url(request, job, f"/pictures/{job.id}/{number}.png")


def signed_url(request: Request, job: PretendJob, path: str) -> str:
    """A link to a file of a job that needs no key and lasts for some minutes."""
    expires = int((job.clock() + LINK_LASTS).timestamp())
    return f"{address(request, path)}?expires={expires}&signature={job.named(f'{path} {expires}')}"


def headline(task: str) -> str:
    """A title made from a task."""
    return " ".join(task.split()[:TITLE_WORDS])


def live_url(job: PretendJob) -> str:
    """A link to the live view of a job."""
    return f"https://live.browser-use.com/?wss={job.named('live')}"


def recording_url(job: PretendJob) -> str:
    """A link to the recording of a job."""
    return f"https://storage.example/recordings/{job.id}.mp4?signature={job.named('recording')}"


def cost(job: PretendJob, state: State) -> str:
    """What a job has cost, in USD."""
    return f"{state.minutes * job.script.cost_per_minute:.4f}"


def text(result: Json) -> str | None:
    """A result as the text that these APIs make of it."""
    return None if result is None else as_text(result)


def time(moment: datetime) -> str:
    """A moment with its offset and with microseconds."""
    return moment.isoformat(timespec="microseconds")
