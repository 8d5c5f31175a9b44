"""``stowage ledger``."""

import click

from stowage_ledger.ledger import Ledger


def command(ledger: Ledger) -> click.Command:
    """The command, for this ledger."""

    @click.command("ledger")
    @click.option("--most", default=20, show_default=True, help="So many lines.")
    def show(most: int) -> None:
        """Print what came and went, the newest first."""
        for line in ledger.lines(most):
            click.echo(f"{line.at}  {line.what:<3}  {line.size_bytes:>12}  {line.filename}")

    return show
