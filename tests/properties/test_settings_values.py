"""Settings, every field of them: what fits comes back as it went in, what does not is named, and nothing is a 500."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.app import Answer, House, make_house
from tests.support.problems import problem
from tests.support.vault import VaultBackend
from webapp.backends.filesystem import FilesystemBackend
from webapp.backends.s3 import S3Backend
from webapp.contracts.addresses import refusal
from webapp.contracts.settings import SettingField
from webapp.db import table
from webapp.models import Setting, SettingVersion
from webapp.services.settings import CORE_FIELDS, FILE_STORAGE, coerce, masked
from webapp.services.settings.values import LONGEST_TEXT

HERE = f"/api/settings/modules/{FILE_STORAGE}"
BACKENDS = (FilesystemBackend, S3Backend, VaultBackend)
FIELDS = (*CORE_FIELDS, *(field for backend in BACKENDS for field in backend.fields))
OWNER = {field.name: backend.backend_id for backend in BACKENDS for field in backend.fields}
EVERY = pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
SECRETS = {"s3_secret_access_key": "a secret", "vault_secret": "a secret"}
READY = {
    "s3_bucket": "files",
    "s3_region": "eu-central-1",
    "s3_access_key_id": "AKIAZZ5Q7TMZ2XJ4WCE",
    "vault_url": "http://9.9.9.9:8200",
    "vault_room": "room-1",
    "vault_key_id": "VKID5Q7TMZ2XJ4WCE",
    **SECRETS,
}
"""With these, each backend can be chosen and each field changed by itself."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[House]:
    instance = tmp_path_factory.mktemp("data") / "instance"
    instance.mkdir()
    (instance / "stowage.db").write_bytes(sqlite_template.read_bytes())
    made = make_house(instance.parent, STOWAGE_ACCESS_LOG="off")
    made.registry.register(VaultBackend)
    yield made
    made.close()


class Desk:
    """An admin's, with the settings of READY before each new task."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.api = house.api("admin")
        self._task = ""

    def begin(self, task: str = "") -> None:
        """Put everything back, unless the same task goes on: it changes the same field again."""
        if not task or task != self._task:
            self.house.write(sa.delete(table(Setting)))
            self.house.configure(**READY)
        self._task = task

    def put(self, values: dict[str, Any]) -> Answer:
        return self.api.put(HERE, data=json.dumps({"values": values}))

    def test(self, values: dict[str, Any], backend: str) -> Answer:
        return self.api.post(f"{HERE}/test", data=json.dumps({"values": values, "backend": backend}))

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get(HERE).json()
        return found

    def stored(self) -> tuple[list[Any], list[Any]]:
        """All that a save writes."""
        rows, versions = table(Setting), table(SettingVersion)
        return self.house.query(sa.select(rows).order_by(rows.c.name)), self.house.query(sa.select(versions))


@pytest.fixture(scope="module")
def desk(house: House) -> Desk:
    return Desk(house)


@pytest.fixture(scope="module")
def schema(desk: Desk) -> dict[str, Any]:
    found: dict[str, Any] = desk.document()["schema"]
    return found


# --- what fits ------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60).filter(str.strip)
printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
addresses = st.one_of(
    st.ip_addresses(v=4).filter(lambda ip: refusal(ip, allow_private=False) is None).map(str),
    st.ip_addresses(v=6).filter(lambda ip: refusal(ip, allow_private=False) is None).map(lambda ip: f"[{ip}]"),
)
urls = st.builds(
    lambda scheme, host, port, path: f"{scheme}://{host}{f':{port}' if port else ''}{path}",
    st.sampled_from(["http", "https", "HTTPS"]),
    addresses,
    st.none() | st.integers(1, 65_535),
    st.from_regex(r"(/[a-zA-Z0-9_~-]{1,8}){0,3}/?", fullmatch=True),
)
media_types = st.from_regex(r"[a-z]{1,10}/(\*|[a-zA-Z0-9.+-]{1,20})", fullmatch=True)
paths = st.from_regex(r"roots(/[A-Za-z0-9][A-Za-z0-9 ._-]{0,10}[A-Za-z0-9]){1,3}", fullmatch=True)


def _s3_name(name: str) -> bool:
    return not name.startswith(("xn--", "sthree-", "amzn-s3-demo-")) and not name.endswith(
        ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
    )


def fits(field: SettingField) -> st.SearchStrategy[Any]:
    """Values that this field takes, as programs send them."""
    if field.type == "integer":
        return st.integers(-(2**63), 2**63 - 1) if field.minimum is None else st.integers(field.minimum, field.maximum)
    if field.type == "boolean":
        return st.booleans()
    if field.type == "list":
        items = media_types if field.format == "media_types" else _texts(field)
        return st.lists(items, max_size=8)
    if field.name == "backend":
        return st.sampled_from([backend.backend_id for backend in BACKENDS])
    return _texts(field)


def _texts(field: SettingField) -> st.SearchStrategy[str]:
    if field.choices:
        return st.sampled_from(field.choices)
    if field.pattern:
        return st.from_regex(field.pattern, fullmatch=True).filter(str.isascii).filter(_s3_name)
    if field.path:
        return paths
    if field.format in ("url", "public_url"):
        return urls
    return printable if field.secret or field.masked else text


def with_secrets(values: dict[str, Any]) -> dict[str, Any]:
    """What goes to another host takes its secret along."""
    moved = {OWNER[f.name] for f in FIELDS if f.format in ("url", "public_url") and f.name in values}
    return {**{name: text for name, text in SECRETS.items() if OWNER[name] in moved}, **values}


def shown(field: SettingField, value: Any) -> Any:
    """What comes back."""
    return masked(value) if field.masked else coerce(field, value)


def assert_shown(document: dict[str, Any], values: dict[str, Any]) -> None:
    for field in FIELDS:
        if field.name not in values:
            continue
        if field.secret:
            assert document["secrets"][field.name]["set"] is True
        else:
            expected = shown(field, values[field.name])
            assert document["values"][field.name] == (field.default if expected is None else expected), field.name


def test_these_are_all_the_fields_there_are(house: House) -> None:
    assert house.services.settings.module(FILE_STORAGE).fields == FIELDS


@EVERY
@settings(max_examples=20)
@given(data=st.data())
def test_what_fits_comes_back(desk: Desk, schema: dict[str, Any], field: SettingField, data: Any) -> None:
    value = data.draw(fits(field))
    desk.begin(field.name)
    assert jsonschema_rs.is_valid(schema, {field.name: value}), "what fits, fits the schema"
    answer = desk.put(with_secrets({field.name: value}))
    assert answer.status_code == 200, answer.content
    document = desk.document()
    assert document == answer.json()
    assert_shown(document, {field.name: value})
    assert jsonschema_rs.is_valid(schema, document["values"])
    assert document["problems"] == {}


@EVERY
def test_nothing_resets_to_the_default(desk: Desk, field: SettingField) -> None:
    together = {"s3_access_key_id": None, "s3_secret_access_key": None}  # neither works without the other
    desk.begin()
    answer = desk.put(together if field.name in together else with_secrets({field.name: None}))
    assert answer.status_code == 200, answer.content
    document = answer.json()
    if not field.secret:
        assert document["values"][field.name] == field.default
    else:
        assert document["secrets"][field.name]["set"] is False
    assert field.name not in document["changed"]


forms = st.fixed_dictionaries(
    {},
    optional={f.name: fits(f) for f in FIELDS if f.name not in ("s3_addressing_style", "s3_endpoint_url")},
)
"""Many fields at once; the two that others depend on have their own tests."""


@settings(max_examples=50)
@given(values=forms)
def test_a_whole_form_that_fits_comes_back(desk: Desk, schema: dict[str, Any], values: dict[str, Any]) -> None:
    desk.begin()
    assert jsonschema_rs.is_valid(schema, values)
    answer = desk.put(with_secrets(values))
    assert answer.status_code == 200, answer.content
    assert_shown(answer.json(), values)


# --- what does not --------------------------------------------------------------

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.sampled_from(["sealed", "a"]), anything, max_size=2)
long_text = st.just("x" * (LONGEST_TEXT + 1))
nul = text.map(lambda found: f"{found}\x00{found}")
BAD_URLS = [
    *("ftp://9.9.9.9", "file:///etc/passwd", "javascript:alert(1)", "//9.9.9.9", "http://", "https://:80", "9.9.9.9"),
    *("http://169.254.169.254/", "http://[::ffff:169.254.169.254]/", "http://[fe80::1]/", "http://0.0.0.0"),
    *("http://user:password@9.9.9.9", "http://9.9.9.9/?a=b", "http://9.9.9.9/#a", "http://9.9.9.9:99999", "http://a b"),
    *(
        "http://0xA9FEA9FE/",
        "http://2852039166/",
        "http://[::1",
        "http://9.9.9.9/\nHost: a",
        "http://9.9.9.9\\@a.example",
    ),
]
BAD_PATHS = [
    "/",
    "/etc",
    "/proc/self",
    "instance",
    "instance/x",
    ".",
    "..",
    "../..",
    "/tmp",
    "a\nb",
    "~nobody-x",
    "/dev/shm",
]


def fits_not(field: SettingField) -> st.SearchStrategy[Any]:
    """Values that this field cannot take; None and empty texts are another thing."""
    if field.type == "integer":
        return objects | st.lists(st.integers()) | st.booleans() | _no_number | _out_of_bounds(field)
    if field.type == "boolean":
        return (
            objects | numbers | st.lists(st.booleans()) | text.filter(lambda t: t.casefold() not in ("true", "false"))
        )
    if field.type == "list":
        return objects | numbers | st.booleans() | st.lists(numbers | objects, min_size=1) | _bad_items(field)
    return objects | numbers | st.booleans() | st.lists(text) | long_text | nul | _bad_text(field)


_no_number = st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: math.floor(x) != x) | text.filter(
    lambda found: not found.strip().removeprefix("-").isdecimal()
)


def _out_of_bounds(field: SettingField) -> st.SearchStrategy[Any]:
    found: list[st.SearchStrategy[Any]] = [st.just("9" * 21)]
    if field.minimum is not None:
        found.append(st.integers(-(2**63), field.minimum - 1))
    if field.maximum is not None:
        found.append(st.integers(field.maximum + 1, 2**64 - 1))
    return st.one_of(found).flatmap(lambda value: st.sampled_from([value, str(value)]))


def _bad_items(field: SettingField) -> st.SearchStrategy[Any]:
    good = media_types if field.format == "media_types" else st.from_regex(field.pattern, fullmatch=True)
    bad = st.sampled_from(["no type" if field.format else "UPPER", "a/b/c", "*/*", "x" * (LONGEST_TEXT + 1), "a\x00b"])
    listed = st.tuples(st.lists(good, max_size=3), bad, st.lists(good, max_size=3))
    return listed.map(lambda parts: [*parts[0], parts[1], *parts[2]]) | st.just([f"a{i}" for i in range(501)])


def _bad_text(field: SettingField) -> st.SearchStrategy[Any]:
    if field.choices or field.name == "backend":
        return text.filter(lambda found: found not in (*field.choices, *(b.backend_id for b in BACKENDS)))
    if field.pattern:
        return st.sampled_from(["UPPER/CASE", "a b", "..", "{}", "\N{GREEK SMALL LETTER ALPHA}" * 3, "a\nb"])
    if field.path:
        return st.sampled_from(BAD_PATHS)
    if field.format:
        return st.sampled_from(BAD_URLS)
    return st.sampled_from(["a\nb", "a\tb", "\x1b[0m"]) if field.secret or field.masked else nul


def assert_refused(answer: Answer, name: str) -> None:
    """The field is named, with a sentence."""
    errors = {each["field"]: each["message"] for each in problem(answer, "validation_error")["errors"]}
    assert errors.keys() == {name}, errors
    assert " " in errors[name]


@EVERY
@settings(max_examples=25)
@given(data=st.data())
def test_what_does_not_fit_is_refused_by_name(desk: Desk, field: SettingField, data: Any) -> None:
    value = data.draw(fits_not(field))
    desk.begin(field.name)
    before = desk.stored()
    assert_refused(desk.put(with_secrets({field.name: value})), field.name)
    assert desk.stored() == before


@EVERY
@settings(max_examples=25)
@given(value=anything)
def test_any_json_is_saved_as_something_that_fits_or_refused(
    desk: Desk, schema: dict[str, Any], field: SettingField, value: Any
) -> None:
    desk.begin()
    before = desk.stored()
    answer = desk.put(with_secrets({field.name: value}))
    if answer.status_code == 200:
        assert jsonschema_rs.is_valid(schema, answer.json()["values"])
        assert answer.json()["problems"] == {}
        # A text may stand for a number; nothing else is taken for what it is not.
        assert isinstance(value, str) or jsonschema_rs.is_valid(schema, {field.name: value})
    else:
        named = {each["field"] for each in problem(answer, "validation_error")["errors"]}
        together = {"s3_access_key_id", "s3_secret_access_key"}
        assert field.name in named or (field.name in together and named <= together)
        assert desk.stored() == before


@pytest.mark.parametrize("digits", [19, 20, 21, 5000])
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("field", [f for f in FIELDS if f.type == "integer"], ids=lambda field: field.name)
def test_a_number_that_no_database_holds_is_refused(
    desk: Desk, field: SettingField, quote: str, sign: str, digits: int
) -> None:
    desk.begin(field.name)
    body = f'{{"values": {{"{field.name}": {quote}{sign}{"9" * digits}{quote}}}}}'
    answer = desk.api.put(HERE, data=body.encode())
    if answer.status_code != 400:  # some are no JSON for some readers
        assert_refused(answer, field.name)


@settings(max_examples=60)
@given(values=forms, data=st.data())
def test_of_a_form_with_one_wrong_field_nothing_is_stored(desk: Desk, values: dict[str, Any], data: Any) -> None:
    wrong = data.draw(st.sampled_from(FIELDS))
    value = data.draw(fits_not(wrong))
    desk.begin("wrong forms")
    before = desk.stored()
    assert_refused(desk.put(with_secrets({**values, wrong.name: value})), wrong.name)
    assert desk.stored() == before


@given(values=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), anything, max_size=5))
def test_unknown_names_are_refused_by_name(desk: Desk, values: dict[str, Any]) -> None:
    unknown = {name for name in values if name not in {field.name for field in FIELDS}}
    desk.begin("unknown names")
    answer = desk.put(values)
    if unknown:
        errors = problem(answer, "validation_error")["errors"]
        assert unknown <= {each["field"] for each in errors}
    else:
        assert answer.status_code in (200, 422)


@EVERY
@settings(max_examples=5)
@given(value=anything)
def test_any_json_is_tried_or_refused(desk: Desk, field: SettingField, value: Any) -> None:
    """On the file system, which is here: the other backends would be far away."""
    desk.begin("trying")
    answer = desk.test({**with_secrets({field.name: value}), "backend": "filesystem"}, "filesystem")
    assert answer.status_code in (200, 422), answer.content


@pytest.mark.parametrize("text", [r"\ud800", r"a\udfff"])
@EVERY
def test_half_a_character_is_no_json(desk: Desk, field: SettingField, text: str) -> None:
    answer = desk.api.put(HERE, data=f'{{"values": {{"{field.name}": "{text}"}}}}'.encode())
    problem(answer, "bad_request")
