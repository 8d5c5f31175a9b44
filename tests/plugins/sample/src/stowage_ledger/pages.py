"""The page of the ledger, and the same for programs."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from webapp.contracts import PluginHost
from webapp.contracts.pages import permission
from werkzeug.wrappers import Response as AnyResponse

from stowage_ledger.ledger import Ledger

SEE = permission("ledger.see")


def pages(host: PluginHost, ledger: Ledger) -> Blueprint:
    """Pages, below ``/plugins/ledger``."""
    blueprint = Blueprint("ledger", __name__, template_folder="templates", static_folder="static")

    @blueprint.get("/")
    @SEE
    def show() -> str:
        return render_template("ledger/page.html", lines=ledger.lines(), may_clear=_is_admin(host))

    @blueprint.post("/clear")
    @permission("admin.system")
    def clear() -> AnyResponse:
        flash(f"The ledger begins anew: {ledger.clear()} lines are gone.", "ok")
        return redirect(url_for("ledger.show"), 303)

    @blueprint.get("/ledger.csv")
    @SEE
    def export() -> Response:
        rows = [f"{line.at},{line.what},{line.size_bytes}" for line in ledger.lines(1_000_000)]
        return Response("\n".join(["at,what,bytes", *rows, ""]), mimetype="text/csv")

    return blueprint


def routes(ledger: Ledger) -> Blueprint:
    """Routes of the JSON API, below ``/api/plugins/ledger``."""
    blueprint = Blueprint("ledger_api", __name__)

    @blueprint.get("/entries")
    @SEE
    def entries() -> dict[str, Any]:
        most = request.args.get("most", 100, type=int)
        return {"items": [asdict(line) for line in ledger.lines(min(max(most, 1), 1000))]}

    return blueprint


def _is_admin(host: PluginHost) -> bool:
    caller = host.caller()
    return caller is not None and "admin.system" in caller.permissions
