"""Stories with a name: what pretend jobs do in the demo, in tests, and for whoever posts to the simulator."""

from collections.abc import Mapping

from .script import Ask, Fail, Finish, Outage, Queued, RateLimit, Script, Stall, Step

QUICK = Script()

FAILING = Script(
    title="Book a table for two",
    beats=(Queued(), Step("Opened the restaurant's page"), Fail("The page asked for a login that we do not have.")),
)

GIVING_UP = Script(
    title="Find a cheaper flight",
    beats=(Queued(), Step("Searched for flights"), Finish("There is no cheaper flight.", goal_met=False)),
)

TIMING_OUT = Script(
    title="Download all invoices",
    beats=(Queued(), Step("Opened the list of invoices", 30), Fail("The time was up.", kind="timed_out")),
)

SLOW = Script(
    title="Read every page of the catalogue",
    beats=(Queued(5), *(Step(f"Read page {page}", 60) for page in range(1, 31)), Finish({"pages": 30})),
)

STALLING = Script(
    title="Wait for a slow page",
    beats=(Queued(), Step("Opened the page"), Step("Scrolled down"), Stall(), Finish()),
)

RATE_LIMITED = Script(
    title="Check on a busy day",
    beats=(Queued(), Step("Opened the shop", 30), Finish()),
    troubles=(RateLimit(start=4, seconds=10),),
)

UNREACHABLE = Script(
    title="Check on a bad day",
    beats=(Queued(), Step("Opened the shop", 30), Finish()),
    troubles=(
        Outage(start=4, seconds=5),
        Outage(start=9, seconds=5, how="html"),
        Outage(start=14, seconds=5, how="502"),
    ),
)


def asking(patience: float | None = None) -> Script:
    """A job that asks for a colour, and goes on with white if nobody answers within `patience` seconds."""
    return Script(
        title="Order a kettle",
        beats=(
            Queued(),
            Step("Opened the shop"),
            Ask("Which colour shall I order?", ("white", "blue", "black"), patience),
            Step("Put the kettle into the basket", url="https://shop.example/basket"),
            Finish({"ordered": True}),
        ),
    )


STORIES: Mapping[str, Script] = {
    "quick": QUICK,
    "asking": asking(),
    "failing": FAILING,
    "giving_up": GIVING_UP,
    "timing_out": TIMING_OUT,
    "slow": SLOW,
    "stalling": STALLING,
    "rate_limited": RATE_LIMITED,
    "unreachable": UNREACHABLE,
}
"""Every story by its name: a task whose text is such a name plays that story."""
