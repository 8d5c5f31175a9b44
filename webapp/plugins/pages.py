"""Views of plugins: looked at before they become part of the application."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask

from webapp.contracts.errors import ConfigurationError
from webapp.contracts.pages import policy_of, public

_PREFIX = re.compile(r"(?:/[a-z0-9][a-z0-9_.-]*)+", re.ASCII)
_HOOKS = (
    "before_request_funcs",
    "after_request_funcs",
    "teardown_request_funcs",
    "url_value_preprocessors",
    "url_default_functions",
    "template_context_processors",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """A blueprint that may come in."""

    name: str
    url_prefix: str
    rules: tuple[str, ...]
    static: tuple[str, ...]
    """Endpoints of its folders of static files."""


def require_prefix(prefix: object, *, api: bool) -> None:
    """Refuse what is no prefix of its kind.

    Raises:
        ConfigurationError: it is none.
    """
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise ConfigurationError(f"{prefix!r} is no prefix: lower-case, like /reports, without a slash at the end")
    if prefix.startswith("/api/") is not api or prefix == "/api":
        raise ConfigurationError(f"{prefix}: routes of the API are below /api/, and pages are not")


def area(address: str) -> str:
    """The first steps of an address, which have one owner: /reports, /api/reports, /plugins/reports."""
    steps = address.split("/")[1:]
    count = 1 + (steps[0] == "api")
    count += steps[count - 1 : count] == ["plugins"]
    return "/" + "/".join(steps[:count])


def areas(app: Flask) -> set[str]:
    """Those that have an owner."""
    return {area(rule.rule) for rule in app.url_map.iter_rules()}


def examined(app: Flask, blueprint: object, prefix: str, permissions: Iterable[str]) -> Examined:
    """Look at a blueprint in an application of its own.

    Raises:
        ConfigurationError: it may not come in, and why.
    """
    if not isinstance(blueprint, Blueprint):
        raise ConfigurationError(f"{blueprint!r} is no blueprint")
    if blueprint.name in app.blueprints:
        raise ConfigurationError(f"there is a blueprint {blueprint.name} already")
    own = blueprint.url_prefix or ""
    url_prefix = own if f"{own}/".startswith(f"{prefix}/") else f"{prefix}/{own.strip('/')}".rstrip("/")
    trial = Flask("trial", static_folder=None)
    trial.url_map.converters = dict(app.url_map.converters)
    _require_nothing_else(app, trial, lambda: trial.register_blueprint(blueprint, url_prefix=url_prefix))
    rules = list(trial.url_map.iter_rules())
    static = tuple(rule.endpoint for rule in rules if rule.endpoint.endswith(".static"))
    if problem := next(_problems(trial, prefix, static, frozenset(permissions)), None):
        raise ConfigurationError(problem)
    return Examined(
        name=blueprint.name,
        url_prefix=url_prefix,
        rules=tuple(sorted({rule.rule for rule in rules})),
        static=static,
    )


def register(app: Flask, blueprint: Any, found: Examined) -> None:
    """Make it part of the application."""
    app.register_blueprint(blueprint, url_prefix=found.url_prefix)
    for endpoint in found.static:
        app.view_functions[endpoint] = public(_called(app.view_functions[endpoint]))


def _called(view: Callable[..., Any]) -> Callable[..., Any]:
    """The same as a function: the method of a blueprint takes no attributes."""

    def called(**arguments: Any) -> Any:
        return view(**arguments)

    return called


def _problems(trial: Flask, prefix: str, static: tuple[str, ...], permissions: frozenset[str]) -> Iterator[str]:
    for rule in trial.url_map.iter_rules():
        if not f"{rule.rule}/".startswith(f"{prefix}/"):
            yield f"{rule.rule} is not below {prefix}"
        if rule.endpoint in static:
            continue
        policy = policy_of(trial.view_functions[rule.endpoint])
        if policy is None:
            yield f"{rule.endpoint} states no policy: @public, @signed_in or @permission(…)"
        elif unknown := sorted(set(map(str, policy.permissions)) - permissions):
            yield f"{rule.endpoint} asks for {unknown[0]}, which is no permission"


def _require_nothing_else(app: Flask, trial: Flask, act: Callable[[], object]) -> None:
    """Refuse what changes all pages: a mistake there would break those of Stowage."""
    hooks = {name: list(getattr(trial, name)[None]) for name in _HOOKS}
    act()
    for name, before in hooks.items():
        if list(getattr(trial, name)[None]) != before:
            raise ConfigurationError(f"it reaches beyond its own pages: {name}")
    if any(trial.error_handler_spec[None].values()):
        raise ConfigurationError("it reaches beyond its own pages: errors of the application")
    if "jinja_env" not in vars(trial):  # it is made when somebody asks for it
        return
    plain = Flask("plain", static_folder=None).jinja_env
    for name in ("filters", "tests", "globals"):
        was, now, ours = (getattr(each, name) for each in (plain, trial.jinja_env, app.jinja_env))
        # Those of Flask and Jinja are the same in every application, but for two.
        changed = {key for key in now if now[key] is not was.get(key)} - {"config", "url_for"}
        if taken := sorted(changed & set(ours)):
            raise ConfigurationError(f"templates have {name} of this name already: {', '.join(taken)}")
