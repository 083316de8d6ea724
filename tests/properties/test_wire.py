"""Every provider: whatever its wire models take in, what is made of it keeps our rules, or is an error of ours."""

import inspect
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, SearchStrategy
from pydantic import BaseModel, SecretStr, ValidationError

from mcp_browserjobs import providers
from mcp_browserjobs.errors import BrowserJobsError, UnexpectedResponseError
from mcp_browserjobs.jobs import (
    PROVIDER_STATUS_CHARACTERS,
    TITLE_CHARACTERS,
    Change,
    Cost,
    Event,
    EventKind,
    EventPage,
    Job,
    JobPage,
    JobRef,
    JobRow,
    JobStatus,
    Link,
    Question,
    Started,
)
from mcp_browserjobs.providers.base import Access, Connections, Provider
from mcp_browserjobs.reported import TEXT_CHARACTERS
from mcp_browserjobs.watch.look import fit, fit_event, fit_row
from tests.properties.bodies import ANYTHING, TEXTS, Bodies, fields, ids, module_of

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

Mapper = Callable[..., Any]


def wire_models(provider: str) -> list[type[BaseModel]]:
    """The models of a provider's module."""
    module = module_of(provider)
    found = (model for _, model in inspect.getmembers(module, inspect.isclass) if issubclass(model, BaseModel))
    return [model for model in found if model.__module__ == module.__name__]


def mappers(provider: str) -> list[Mapper]:
    """The functions that say in our words what a provider's module has read."""
    module = module_of(provider)
    found = (function for name, function in inspect.getmembers(module, inspect.isfunction) if name.startswith("to_"))
    return [function for function in found if function.__module__ == module.__name__]


@cache
def opened(name: str) -> Provider:
    """The provider, which nobody asks anything."""
    kind = providers.load(name)
    access = Access(name, name, SecretStr("k"), "K", kind.base_url)
    return Connections(httpx2.MockTransport(lambda _: httpx2.Response(500))).open(kind, access, {})


class Arguments:
    """What the functions of one provider's module may be called with."""

    def __init__(self, provider: str) -> None:
        self._provider = opened(provider)
        self._bodies = Bodies(module_of(provider), wild=False)

    def of(self, name: str, annotation: Any) -> SearchStrategy[Any]:
        """Values for a parameter."""
        inner = get_args(annotation)
        match get_origin(annotation):
            case origin if origin in (Union, UnionType):
                return st.one_of(*(self.of(name, each) for each in inner))
            case origin if origin is Annotated:
                return self.of(name, inner[0])
            case origin if origin in (list, Iterable, Sequence):
                return st.lists(self.of(name, inner[0]), max_size=4)
            case origin if origin in (dict, Mapping):
                return st.dictionaries(TEXTS, ANYTHING, max_size=4)
            case _:
                return self._plain(name, annotation)

    def _plain(self, name: str, kind: Any) -> SearchStrategy[Any]:
        if kind in (str, int) and name in ("job_id", "locator"):
            return ids(type(self._provider).id_pattern).map(self._provider.canonical_id)
        if name == "cursor" and kind is str:
            return st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
        if name == "portal":
            return st.just(type(self._provider).example_id.rpartition("/")[0])
        if inspect.isclass(kind) and issubclass(kind, BaseModel) and kind.__module__ == type(self._provider).__module__:
            return self._bodies.of_model(kind).map(lambda body: taken(kind, body)).filter(bool)
        known: dict[Any, SearchStrategy[Any]] = {
            int: st.integers(0, 2**31),
            str: self._bodies.of(str),
            NoneType: st.none(),
            datetime: st.datetimes(timezones=st.just(UTC)),
            bool: st.booleans(),
            float: st.floats(0, allow_infinity=False),
            JobStatus: st.sampled_from(JobStatus),
            Event: st.builds(Event, key=TEXTS, kind=st.just(EventKind.STEP)),
            Question: st.builds(Question, id=st.uuids().map(str), text=TEXTS, options=st.lists(TEXTS).map(tuple)),
        }
        return known.get(kind, ANYTHING)

    def calls(self, function: Mapper) -> SearchStrategy[Callable[[], Any]]:
        """Ways to call a function, each of which can be repeated."""
        hints = get_type_hints(function, include_extras=True)
        parameters = inspect.signature(function).parameters.values()
        given_by_name = {each.name: self.of(each.name, hints[each.name]) for each in parameters}

        def call(arguments: dict[str, Any]) -> Callable[[], Any]:
            by_place = [arguments[each.name] for each in parameters if each.kind is not each.KEYWORD_ONLY]
            by_name = {each.name: arguments[each.name] for each in parameters if each.kind is each.KEYWORD_ONLY}
            return lambda: function(*by_place, **by_name)

        return st.fixed_dictionaries(given_by_name).map(call)


def taken(model: type[BaseModel], body: Any) -> BaseModel | None:
    """What a model makes of a body, None when it does not take it."""
    try:
        return model.model_validate(body)
    except ValidationError:
        return None


def texts_in(value: Any) -> Iterator[str]:
    """All texts of a JSON value."""
    match value:
        case str():
            yield value
        case dict():
            yield from chain.from_iterable(map(texts_in, chain(value, value.values())))
        case list() | tuple() | frozenset():
            yield from chain.from_iterable(map(texts_in, value))


def check(provider: Provider, made: Any) -> None:
    """Hold what was made to our rules."""
    match made:
        case Job():
            check_job(provider, fit(made, provider.capability_hosts))
        case JobRow():
            row = fit_row(made, provider.capability_hosts)
            assert len(row.title) <= TITLE_CHARACTERS
            assert len(row.provider_status) <= PROVIDER_STATUS_CHARACTERS
            check_moments(row)
        case Started():
            check_id(provider, made.id)
            assert not made.locator or provider.canonical_id(made.locator) == made.id
        case JobPage():
            check_each(provider, made.jobs)
        case EventPage():
            exact = Counter(event.key for event in made.events if event.exact)
            assert not exact or max(exact.values()) == 1
            check_each(provider, (*made.events, *made.links))
        case Event():
            check_event(fit_event(made, provider.capability_hosts, ()))
        case Change():
            check(provider, made.page)
        case Cost():
            assert math.isfinite(made.amount)
            assert made.amount >= 0
        case Link():
            assert made.url.lower().startswith(("http://", "https://"))
            check_moments(made)
        case Question():
            assert made.id
        case tuple() | list():
            check_each(provider, made)


def check_each(provider: Provider, made: Iterable[Any]) -> None:
    for one in made:
        check(provider, one)


def check_job(provider: Provider, job: Job) -> None:
    """Hold a job to our rules, as it is after a look has made its text fit."""
    check_id(provider, job.id)
    assert len(job.provider_status) <= PROVIDER_STATUS_CHARACTERS
    check_moments(job)
    check_each(provider, [job.cost, job.question, *job.events, *job.links])
    assert len(job.title) <= TITLE_CHARACTERS
    said = [job.current_step or "", job.error or ""]
    said += [job.question.text, *job.question.options] if job.question else []
    assert max(map(len, said)) <= TEXT_CHARACTERS
    assert job.status.final or job.finished_at is None
    assert job.failure is None or job.status in (JobStatus.FAILED, JobStatus.CANCELLED)
    assert (job.goal_met is None) == (job.goal_met_by is None)
    assert ("question" in job.has) == (job.question is not None)
    assert ("result" in job.has) == (job.result is not None)
    assert not job.locator or provider.canonical_id(job.locator) == job.id
    kept = job.model_copy(update={"result": None, "events": (), "links": ()})
    assert Job.model_validate_json(job.model_dump_json()) == kept
    json.dumps(job.result, allow_nan=False).encode()


def check_id(provider: Provider, job_id: str) -> None:
    """An id is one that a person may write as a reference."""
    assert provider.canonical_id(job_id) == job_id
    assert JobRef.parse(f"{provider.name}:{job_id}") == (provider.name, job_id)


def check_moments(made: BaseModel) -> None:
    """Whatever is a moment is one in UTC that can be written down."""
    for moment in dict(made).values():
        assert not isinstance(moment, datetime) or moment.tzinfo is UTC


def check_event(event: Event) -> None:
    """Hold an event to our rules, as it is after a look has made its text fit."""
    assert event.kind is not EventKind.STATUS
    check_moments(event)
    assert max(map(len, texts_in(event.reported)), default=0) <= TEXT_CHARACTERS
    json.dumps(event.reported, allow_nan=False).encode()


@cache
def known_names(provider: str) -> set[str]:
    """What the fields of all models of a provider are called."""
    return {name for model in wire_models(provider) for name, _ in fields(model)}


@pytest.mark.parametrize("name", providers.names())
@given(data=st.data())
def test_no_body_is_more_than_unexpected(name: str, data: DataObject) -> None:
    model = data.draw(st.sampled_from(wire_models(name)))
    body = data.draw(Bodies(module_of(name), wild=True).of_model(model) | ANYTHING)
    try:
        opened(name).http.read(body, model)
    except UnexpectedResponseError as error:
        parts = {part for place in error.where.split(", ") for part in place.split(".") if not part.isdecimal()}
        assert parts <= {"the body", "*"} | known_names(name)


@pytest.mark.parametrize("name", providers.names())
@given(data=st.data())
def test_what_is_made_of_a_body_keeps_our_rules_each_time(name: str, data: DataObject) -> None:
    function = data.draw(st.sampled_from(mappers(name)))
    call = data.draw(Arguments(name).calls(function))
    try:
        made = listed(call())
    except BrowserJobsError:
        return
    check(opened(name), made)
    assert listed(call()) == made


def listed(made: Any) -> Any:
    """What a generator gives, as a list."""
    return list(made) if isinstance(made, Iterator) else made
