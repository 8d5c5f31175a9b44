"""Pages of settings: looked at, tried, saved."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, url_for

from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.http.i18n import t
from webapp.services.access import Permission
from webapp.services.errors import NotFoundError, RateLimitedError, ValidationError, VersionConflictError
from webapp.services.settings import FILE_STORAGE, ModuleView
from webapp.ui import flashes, htmx, settings_page, settings_probe, settings_words
from webapp.ui.addresses import see
from webapp.ui.flashes import Flash
from webapp.ui.settings_form import SettingsForm
from webapp.ui.settings_probe import Probed

blueprint = Blueprint("ui_settings", __name__, url_prefix="/settings")

_TEMPLATE = "settings/edit.html"
_PROBE = "settings/_probe.html"


@blueprint.get("")
@permission(Permission.SETTINGS)
def start() -> Response:
    return see(url_for("ui_settings.edit", name=FILE_STORAGE))


@blueprint.get("/modules/<name>")
@permission(Permission.SETTINGS)
def edit(name: str) -> Response:
    return _answer(SettingsForm.fresh(services().settings.view(name)))


@blueprint.post("/modules/<name>")
@permission(Permission.SETTINGS)
def save(name: str) -> Response:
    form = SettingsForm.sent(services().settings.view(name), request.form)
    if shown := _shown_otherwise(form):
        return shown
    changes = form.changes()
    if not changes:
        return _done(name, t("settings.unchanged"))
    try:
        services().settings.update(name, changes, caller().actor, version=form.version, confirm_in_use=form.confirmed)
    except ValidationError as exc:
        return _refused(form, exc)
    except VersionConflictError:
        return _overtaken(form, services().settings.view(name))
    return _done(name, t("settings.saved"))


@blueprint.post("/modules/<name>/test")
@permission(Permission.SETTINGS)
def test(name: str) -> Response:
    form = SettingsForm.sent(services().settings.view(name), request.form)
    backend_id = request.form.get("probe", "")
    if backend_id not in {each.owner for each in form.view.fields if each.owner}:
        raise NotFoundError("no such backend")
    wrong: dict[str, str] = {}
    status = 200
    try:
        probe = settings_probe.ran(services().probe.run(name, form.changes(backend_id), backend_id))
    except ValidationError as exc:
        status, wrong = 422, _sentences(form, exc)
        probe = settings_probe.not_ran(_named(form, wrong))
    except RateLimitedError:
        if htmx.wants_fragment():
            raise  # told by a message: what is on the page stays
        status, probe = 429, settings_probe.not_ran([("", "", t("errors.rate_limited"))])
    if not htmx.wants_fragment():
        return _answer(form.without_secrets(), errors=wrong, probes={backend_id: probe}, status=status)
    values = {"probe": probe, "backend": backend_id, "address": url_for("ui_settings.test", name=name)}
    return htmx.fragment(_PROBE, ("probe",), values, status)


def _shown_otherwise(form: SettingsForm) -> Response | None:
    """The form with one thing done to it that a script does in place: nothing is saved."""
    names = {each.field.name for each in form.view.fields}
    for asked, made in (
        ("default", form.with_default),
        ("replace", form.with_open),
        ("shut", form.with_shut),
    ):
        name = request.form.get(asked, "")
        if name in names:
            return _answer(made(name).without_secrets(), focus=name)
    return None


def _refused(form: SettingsForm, error: ValidationError) -> Response:
    """Nothing was saved: the form with what is wrong."""
    in_use = settings_words.is_about(error, "in_use")
    return _answer(form.without_secrets(), errors=_sentences(form, error), status=422, in_use=in_use)


def _overtaken(form: SettingsForm, now: ModuleView) -> Response:
    """Somebody else was faster: the form on top of that, with what differs."""
    conflicts = [settings_page.conflict(form, theirs) for theirs in form.conflicts(now)]
    return _answer(form.rebased(now).without_secrets(), status=409, conflicts=conflicts, overtaken=True)


def _done(name: str, text: str) -> Response:
    message = flashes.made("ok", text)
    if not htmx.wants_fragment():
        flashes.keep(message)
        return see(url_for("ui_settings.edit", name=name))
    return _answer(SettingsForm.fresh(services().settings.view(name)), messages=(message,))


def _answer(
    form: SettingsForm,
    *,
    status: int = 200,
    errors: Mapping[str, str] | None = None,
    probes: Mapping[str, Probed] | None = None,
    messages: tuple[Flash, ...] = (),
    focus: str = "",
    **more: Any,
) -> Response:
    """The page, or the form alone."""
    here = url_for("ui_settings.edit", name=form.view.name)
    values: dict[str, Any] = {
        "form": form,
        "module": form.view,
        "modules": services().settings.modules(),
        "module_title": settings_words.module_title,
        "module_help": settings_words.module_help,
        "backend_name": settings_words.backend_label,
        "drawn": settings_page.draw(form, errors or {}, focus),
        "wrong": _named(form, errors or {}),
        "probes": probes or {},
        "messages": messages,
        "here": here,
        "address": url_for("ui_settings.test", name=form.view.name),
        **more,
    }
    if htmx.wants_fragment():
        return htmx.fragment(_TEMPLATE, ("settings", "said"), values, status)
    return make_response(render_template(_TEMPLATE, **values), status)


def _sentences(form: SettingsForm, error: ValidationError) -> dict[str, str]:
    return settings_words.wrong(form.view.name, error, {each.field.name: each.field for each in form.view.fields})


def _named(form: SettingsForm, errors: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """What is wrong, in the order of the page: name, label and sentence; last what is no field at all."""
    module = form.view.name
    known = {each.field.name: settings_words.label(module, each.field) for each in form.view.fields}
    found = [(name, label, errors[name]) for name, label in known.items() if name in errors]
    return found + [("", name, text) for name, text in errors.items() if name not in known]
