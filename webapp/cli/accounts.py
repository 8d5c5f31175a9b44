"""``stowage user`` and ``stowage token``."""

from datetime import UTC, datetime, timedelta

import click

from webapp.cli.base import app, cli, line, services
from webapp.services.access import Caller
from webapp.services.errors import NotFoundError


@cli.group()
def user() -> None:
    """Accounts."""


@user.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(["admin", "user"]), default="user", show_default=True)
def user_create(name: str, role: str) -> None:
    """Make an account; its password is read from standard input."""
    password = line("Password", confirm=True)
    with app().app_context():
        created = services().users.create(name, password, role)
    click.echo(f"{created.username} ({created.role}) {created.id}")


@user.command("list")
def user_list() -> None:
    """Show all accounts."""
    with app().app_context():
        for u in services().users.list():
            click.echo(f"{u.id}  {u.role:<5}  {'active' if u.active else 'disabled':<8}  {u.username}")


@user.command("password")
@click.argument("name")
def user_password(name: str) -> None:
    """Set an account's password, read from standard input, and sign it out everywhere."""
    password = line("Password", confirm=True)
    with app().app_context():
        users = services().users
        users.change(users.find(name).id, {"password": password})


@cli.group()
def token() -> None:
    """API tokens."""


@token.command("create")
@click.argument("username", metavar="USER")
@click.option("--name", required=True, help="What the token is for.")
@click.option("--scope", "scopes", multiple=True, help="A permission; repeat for more. Default: all of USER's.")
@click.option("--expires", type=click.IntRange(1, 36500), help="Days until it stops working. Default: never.")
def token_create(username: str, name: str, scopes: tuple[str, ...], expires: int | None) -> None:
    """Make a token for USER and print it, and nothing else, on standard output."""
    until = datetime.now(UTC) + timedelta(days=expires) if expires else None
    with app().app_context():
        owner = services().users.find(username)
        if not owner.active:
            raise NotFoundError(f"{username} is disabled")
        permissions = services().permissions.of(owner.role)
        caller = Caller(
            user_id=owner.id,
            username=owner.username,
            role=owner.role,
            permissions=permissions,
            settings=services().settings.current(),
        )
        wanted = list(scopes or permissions)
        click.echo(services().tokens.create(caller, name, wanted, until).token)
