"""``stowage settings``."""

import sys
from collections.abc import Iterator

import click
import orjson

from webapp.cli.base import app, cli, line, services
from webapp.contracts.errors import ConfigurationError
from webapp.http import errors
from webapp.http.i18n import t
from webapp.services.errors import NotFoundError, ValidationError
from webapp.services.settings import FILE_STORAGE


@cli.group()
def settings() -> None:
    """Settings in the database, live at the next request."""


@settings.command("get")
@click.argument("module", required=False)
@click.argument("name", required=False)
def settings_get(module: str | None, name: str | None) -> None:
    """Show all settings, those of MODULE, or only NAME. Secrets are never shown, only whether they are set.

    Without MODULE, each line begins with its module, as `stowage settings set` takes it.
    """
    with app().app_context():
        service = services().settings
        modules = [each.name for each in service.modules()] if module is None else [module]
        views = [service.view(each) for each in modules]
    found = [(view.name, each) for view in views for each in view.fields if name in (None, each.field.name)]
    if not found:
        raise NotFoundError(f"no setting {name!r}")
    for of_module, each in found:
        text = ("(set)" if each.is_set else "(not set)") if each.field.secret else orjson.dumps(each.value).decode()
        remark = f"  # set by {each.pinned}" if each.pinned else ""
        remark += f"  # {t(f'settings.problems.{each.problem}')}" if each.problem else ""
        before = f"{of_module} " if module is None else ""
        click.echo(f"{before}{each.field.name} = {text}{remark}")


@settings.command("set")
@click.argument("module")
@click.argument("pairs", nargs=-1, required=True, metavar="NAME VALUE [NAME VALUE]...")
def settings_set(module: str, pairs: tuple[str, ...]) -> None:
    """Set NAME of MODULE to VALUE; all of them or, if one is wrong, none.

    A list is separated by commas. With - as VALUE it is read from a line of standard input.
    """
    if len(pairs) % 2:
        raise click.UsageError(f"{pairs[-1]} has no value")
    wanted = dict(zip(pairs[::2], pairs[1::2], strict=True))
    values = {name: line(name) if value == "-" else value for name, value in wanted.items()}
    with app().app_context():
        services().settings.update(module, values)


@settings.command("unset")
@click.argument("module")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--force", is_flag=True, help="Also where files cannot be read any more without it.")
def settings_unset(module: str, names: tuple[str, ...], *, force: bool) -> None:
    """Set NAMEs of MODULE back to their defaults, all or none; secrets are removed."""
    with app().app_context():
        services().settings.update(module, dict.fromkeys(names), confirm_in_use=force)


@settings.command("check")
@click.option("--offline", is_flag=True, help="Do not try the backend.")
def settings_check(*, offline: bool) -> None:
    """Say what is wrong with the settings, and try the backend as their page does. Exit code 1 if anything is."""
    with app().app_context():
        wrong = [*_broken_settings(), *_broken_backend(offline=offline)]
    for each in wrong:
        click.echo(each)
    if wrong:
        sys.exit(1)
    click.echo(t("settings.check.fine"))


@settings.command("places")
def settings_places() -> None:
    """List the places that credentials are kept for: those of now, and former ones that files may be in."""
    with app().app_context():
        for each in services().settings.places():
            where = orjson.dumps(each.location, option=orjson.OPT_SORT_KEYS).decode()
            remark = "" if each.is_readable else f"  # {t('settings.problems.unreadable_secret')}"
            click.echo(f"{each.backend} {where} {each.updated_at:%Y-%m-%d}{remark}")


@settings.command("reseal")
def settings_reseal() -> None:
    """Seal all secrets with the present secret key, after STOWAGE_SECRET_KEY was changed."""
    with app().app_context():
        click.echo(t("settings.check.resealed", count=services().settings.reseal()))


def _broken_settings() -> Iterator[str]:
    service = services().settings
    for module in service.modules():
        for each in service.view(module.name).fields:
            if each.problem:
                yield f"{module.name}.{each.field.name}: {t(f'settings.problems.{each.problem}')}"
    for backend in service.backends():
        if not backend.installed:
            yield t("settings.check.not_installed", backend=backend.id, count=backend.files)
    if unreadable := len(service.unreadable_places()):
        yield t("settings.check.unreadable_places", count=unreadable)


def _broken_backend(*, offline: bool) -> Iterator[str]:
    """What keeps the backend in use from working; offline, as far as the settings tell."""
    service = services().settings
    backend = service.current().backend
    try:
        if offline:
            service.candidate(FILE_STORAGE, {}, backend)
            return
        result = services().probe.run(FILE_STORAGE, {}, backend)
    except ValidationError as exc:
        yield from (f"{FILE_STORAGE}.{e['field']}: {e['message']}" for e in errors.sentences(exc))
        return
    except ConfigurationError:
        yield f"{backend}: {t('settings.probe.causes.settings')}"
        return
    for step in result.steps:
        if not step.ok:
            yield f"{t(f'settings.probe.steps.{step.name}')}: {t(f'settings.probe.causes.{step.cause}')}"
