"""What a provider might send for a wire model: what its fields allow and, now and then, anything else."""

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import import_module
from types import ModuleType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import BaseModel, JsonValue, RootModel
from pydantic.fields import FieldInfo

from mcp_browserjobs import providers

Body = SearchStrategy[Any]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
"""Halves of surrogate pairs are gone before a model is read."""
NUMBERS = st.one_of(
    *(st.integers(-(2**70), 2**70), st.integers(-3, 300), st.floats(allow_nan=False, allow_infinity=False)),
    st.sampled_from([0, -0.0, 253402300800, 1e308, 5e-324]),
)
MOMENTS = st.one_of(
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda moment: f"{moment.isoformat()}Z"),  # noqa: DTZ001 - `Z` says it
    st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "2026-11-01", "now"]),
    st.integers(0, 2**33),
)
ODD_TEXTS = st.sampled_from(
    [
        *(
            "",
            " ",
            "\x00",
            "\u202e\u200b\U000e0041",
            "\x1b[2J",
            "../..",
            "http://[",
            "https://a b",
            "file:///etc/passwd",
        ),
        *("https://live.example/?token=x", "wss://x", "data:image/png;base64,AA", "9" * 400, "A" * 5000, "{" * 300),
    ]
)
ANYTHING: SearchStrategy[JsonValue] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, ODD_TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
)


def module_of(provider: str) -> ModuleType:
    """A provider's module."""
    return import_module(providers.load(provider).__module__)


@cache
def literals_of(module: ModuleType) -> frozenset[str]:
    """The texts that stand in a module."""
    constants = (
        node.value for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Constant)
    )
    return frozenset(text for text in constants if isinstance(text, str))


def words_of(module: ModuleType) -> Body:
    """The short texts that a provider's module knows: status words, kinds of events, names in what is nested."""
    return st.sampled_from(sorted(text for text in literals_of(module) if re.fullmatch(r"[\w.:-]{1,40}", text)))


class Bodies:
    """The bodies that one provider might send.

    Args:
        module: the provider's, whose words they are made of.
        wild: whether a field may hold what it should not, be it required or not.
    """

    def __init__(self, module: ModuleType, *, wild: bool) -> None:
        self._wild = wild
        self._words = words_of(module)
        pattern = module.PROVIDER.id_pattern
        self._texts = st.one_of(self._words, MOMENTS.map(str), TEXTS, ODD_TEXTS, ids(pattern))
        self._nested = st.dictionaries(self._words, st.one_of(self._words, ANYTHING), max_size=5)
        self._known: dict[type[BaseModel], Body] = {}

    def of_model(self, model: type[BaseModel]) -> Body:
        """Bodies for a model; one that holds itself ends at some depth."""
        if model not in self._known:
            self._known[model] = st.deferred(lambda: made[0])
            made = [self._made(model)]
        return self._known[model]

    def _made(self, model: type[BaseModel]) -> Body:
        if issubclass(model, RootModel):
            return self._of_field(model.model_fields["root"])
        needed = {name: self._of_field(field) for name, field in fields(model) if field.is_required()}
        spare = {name: self._of_field(field) for name, field in fields(model) if not field.is_required()}
        plain = st.fixed_dictionaries(needed, optional=spare)
        more = st.builds(lambda body, extra: {**extra, **body}, plain, st.dictionaries(TEXTS, ANYTHING, max_size=2))
        torn = st.builds(without_one, plain, st.integers(0, 40))
        return st.one_of(plain, more, torn) if self._wild else st.one_of(plain, more)

    def _of_field(self, field: FieldInfo) -> Body:
        return self.of(Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation)

    def of(self, annotation: Any) -> Body:
        """Values for an annotation of a field."""
        if forgiving(annotation):
            fitting = self._fitting(get_args(annotation)[0])
            return st.one_of(fitting, fitting, st.none(), ANYTHING)
        fitting = self._fitting(annotation)
        return st.one_of(fitting, fitting, fitting, ANYTHING) if self._wild else fitting

    def _fitting(self, annotation: Any) -> Body:
        arguments = get_args(annotation)
        match get_origin(annotation):
            case origin if origin is Annotated:
                patterns = [pattern for each in arguments[1:] if (pattern := pattern_of(each))]
                return ids(re.compile(patterns[0])) if patterns else self.of(arguments[0])
            case origin if origin in (Union, UnionType):
                return st.one_of(*(self.of(each) for each in arguments))
            case origin if origin is Literal:
                return st.sampled_from(arguments)
            case origin if origin in (list, tuple):
                return st.lists(self.of(arguments[0]), max_size=4)
            case origin if origin is dict:
                return st.one_of(self._nested, st.dictionaries(self._texts, self.of(arguments[1]), max_size=4))
            case _:
                return self._plain(annotation)

    def _plain(self, kind: Any) -> Body:
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            return self.of_model(kind)
        known: Mapping[Any, Body] = {
            str: self._texts,
            int: NUMBERS,
            float: NUMBERS,
            bool: st.booleans(),
            NoneType: st.none(),
            datetime: MOMENTS,
            UUID: st.uuids().map(str),
        }
        return known.get(kind, st.one_of(ANYTHING, self._nested, self._texts))


def fields(model: type[BaseModel]) -> Iterable[tuple[str, FieldInfo]]:
    """A model's fields by the names that the provider has for them."""
    return ((field.validation_alias or name, field) for name, field in model.model_fields.items())  # type: ignore[misc]


def forgiving(annotation: Any) -> bool:
    """Whether a field is one that we can do without."""
    return get_origin(annotation) is Annotated and any(
        getattr(each, "func", None) is ABSENT_IF_UNREADABLE for each in annotation.__metadata__
    )


ABSENT_IF_UNREADABLE: Callable[..., Any] = get_args(providers.base.Optional)[1].func


def pattern_of(metadata: Any) -> str | None:
    """The pattern that a text must have, None where any will do."""
    parts: Sequence[Any] = metadata.metadata if isinstance(metadata, FieldInfo) else [metadata]
    return next((pattern for part in parts if (pattern := getattr(part, "pattern", None))), None)


@cache
def ids(pattern: re.Pattern[str]) -> Body:
    """Texts of this form."""
    return st.from_regex(pattern, fullmatch=True)


def without_one(body: dict[str, JsonValue], place: int) -> dict[str, JsonValue]:
    """The body that lacks a field."""
    return {name: value for at, (name, value) in enumerate(body.items()) if at != place}
