"""Plugins bring pages and routes: below their own prefix, each with a policy, and without a hold on ours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, flash, redirect, render_template, request, url_for

from tests.support.app import House
from tests.support.problems import problem
from tests.ui.conftest import HTMX, Visitor, assert_ours, page_of
from webapp.contracts import MenuEntry, ModuleMeta, PluginHost, PluginPermission
from webapp.contracts.pages import permission, public, signed_in

HERE = Path(__file__).parent / "pages_of_a_plugin"
CODE = "porch.see"


def porch(host: PluginHost) -> None:
    """A plugin with a page, a form, a style sheet, and a route of the API."""
    pages = Blueprint("porch", __name__, template_folder=str(HERE / "templates"), static_folder=str(HERE / "static"))
    routes = Blueprint("porch_api", __name__)

    @pages.get("/")
    @permission(CODE)
    def show() -> str:
        return render_template("porch/page.html")

    @pages.post("/knock")
    @permission(CODE)
    def knock() -> Any:
        flash(f"Hello, {request.form['name']}", "ok")
        return redirect(url_for("porch.show"), 303)

    @pages.get("/open")
    @public
    def open_to_all() -> dict[str, Any]:
        return {"caller": host.caller()}

    @pages.get("/broken")
    @signed_in
    def broken() -> str:
        raise RuntimeError("secret of the plugin")

    @routes.get("/who")
    @signed_in
    def who() -> dict[str, Any]:
        caller = host.caller()
        assert caller is not None
        return {"id": caller.user_id, "name": caller.username, "role": caller.role, "may": sorted(caller.permissions)}

    @routes.post("/ring")
    @permission(CODE)
    def ring() -> tuple[dict[str, Any], int]:
        return {"sent": request.get_json()}, 201

    host.add_permission(PluginPermission(CODE, "See <b>the</b> porch", roles=("admin", "user")))
    host.add_pages(pages)
    host.add_pages(routes, api=True)
    host.add_menu_entry(MenuEntry("Porch", "/plugins/porch", "globe", roles=("admin", "user")))


@pytest.fixture
def house(installed: Callable[..., House]) -> House:
    return installed(plugins=["porch"])


def visit(house: House, name: str = "uploader") -> Visitor:
    visitor = Visitor(house)
    assert visitor.sign_in(name).status_code == 303
    return visitor


# --- pages -----------------------------------------------------------------------------


def test_a_page_looks_like_ours_and_is_in_the_navigation(house: House) -> None:
    page = visit(house).open("/plugins/porch/")
    assert_ours(page)
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert "The porch" in page.text
    assert "A page of a plugin." in page.text
    [link] = [v for tag, v in page.tags if tag == "a" and v.get("class") == "nav-item" and "porch" in v["href"]]
    assert (link["href"], link["aria-current"]) == ("/plugins/porch/", "page")


def test_its_headers_are_those_of_our_pages(house: House) -> None:
    answer = visit(house).get("/plugins/porch/")
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_strangers_are_sent_to_sign_in(house: House) -> None:
    nobody = Visitor(house)
    answer = nobody.get("/plugins/porch/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/login?next=/plugins/porch/")
    problem(house.api().get("/api/plugins/porch/who"), "unauthenticated")
    assert nobody.get("/plugins/porch/open").json == {"caller": None}


def test_a_form_needs_its_token_and_says_what_it_did(house: House) -> None:
    visitor = visit(house)
    page = visitor.open("/plugins/porch/")
    assert visitor.post("/plugins/porch/knock", {"name": "x"}).status_code == 403
    sent = visitor.post("/plugins/porch/knock", {"name": "<i>Ada</i>", "csrf_token": page.csrf_token()})
    assert (sent.status_code, sent.headers["Location"]) == (303, "/plugins/porch/")
    after = visitor.open("/plugins/porch/")
    assert "Hello, <i>Ada</i>" in after.text
    assert ("i", {}) not in after.tags


def test_a_view_that_fails_gets_our_error_page(house: House) -> None:
    answer = visit(house).get("/plugins/porch/broken")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert_ours(page_of(answer))
    assert house.api("uploader").get("/api/file-storage/files").status_code == 200


def test_its_static_files_are_public(house: House) -> None:
    answer = Visitor(house).get("/plugins/porch/static/porch.css")
    assert (answer.status_code, answer.mimetype) == (200, "text/css")
    assert Visitor(house).get("/plugins/porch/static/../page.html").status_code == 404
    assert "ETag" in answer.headers


# --- routes of the API --------------------------------------------------------------------


def test_a_route_knows_who_asks_and_what_their_token_may(house: House) -> None:
    document = house.api("uploader", CODE).get("/api/plugins/porch/who").json()
    assert document == {"id": str(house.uploader.user_id), "name": "uploader", "role": "user", "may": [CODE]}


def test_a_token_without_the_permission_is_refused(house: House) -> None:
    answer = house.api("admin", "file_storage.download").post("/api/plugins/porch/ring", json={"a": 1})
    assert problem(answer, "forbidden")["permission"] == CODE
    answer = house.api("uploader", CODE).post("/api/plugins/porch/ring", json={"a": 1})
    assert (answer.status_code, answer.json()) == (201, {"sent": {"a": 1}})


def test_a_browser_needs_the_header_for_what_changes_something(house: House) -> None:
    visitor = visit(house)
    token = visitor.token()
    assert visitor.post("/api/plugins/porch/ring", json={}).status_code == 403
    answer = visitor.http.post("/api/plugins/porch/ring", json={}, headers={"X-CSRFToken": token})
    assert answer.status_code == 201


def test_bodies_are_bounded(house: House) -> None:
    answer = house.api("uploader", CODE).post("/api/plugins/porch/ring", data=b"x" * 2_000_000)
    problem(answer, "too_large")


def test_an_error_of_a_route_is_a_problem(house: House) -> None:
    problem(house.api("uploader", CODE).post("/api/plugins/porch/ring", data=b"{"), "bad_request")
    problem(house.api("uploader").get("/api/plugins/porch/nowhere"), "not_found")


# --- the permission ---------------------------------------------------------------------


def test_the_permission_can_be_chosen_for_a_token(house: House) -> None:
    visitor = visit(house)
    page = visitor.open("/account/tokens/new")
    assert CODE in [v.get("value") for tag, v in page.tags if tag == "input" and v.get("name") == "scopes"]
    assert "See <b>the</b> porch" in page.text
    form = {"name": "t", "expires": "30", "scopes": [CODE], "csrf_token": page.csrf_token()}
    made = visitor.post("/account/tokens", form, headers={**HTMX, "Accept": "text/html"})
    assert made.status_code == 200
    listed = house.api("uploader").get("/api/tokens").json()["items"]
    assert [CODE] in [token["scopes"] for token in listed]


def test_the_permission_is_in_the_table_of_roles_and_in_the_description_of_the_api(house: House) -> None:
    assert CODE in visit(house, "admin").open("/admin/users").text
    document = house.api().get("/api/openapi.json").json()
    assert CODE in document["components"]["schemas"]["TokenIn"]["properties"]["scopes"]["items"]["enum"]
    assert CODE in house.api("uploader").get("/api/me").json()["permissions"]


def test_a_token_for_a_plugin_that_is_gone_is_good_for_nothing(house: House, installed: Callable[..., House]) -> None:
    token = house.token("uploader", CODE)
    after = installed()
    api = after.api()
    api.token = token
    assert api.get("/api/me").json()["permissions"] == []
    problem(api.get("/api/plugins/porch/who"), "not_found")


# --- what is refused ------------------------------------------------------------------------


def refused(house: House, name: str) -> str:
    [error] = [each.error for each in house.services.plugins.records() if each.name == name]
    assert error is not None
    assert "ConfigurationError" in error
    return error


def blueprint(name: str = "x", rule: str = "/x", policy: Any = signed_in, **options: Any) -> Blueprint:
    made = Blueprint(name, __name__, **options)
    made.add_url_rule(rule, "view", policy(lambda **_: "here"))
    return made


def without_policy(host: PluginHost) -> None:
    host.add_pages(blueprint(policy=lambda view: view))


def asking_for_nothing_known(host: PluginHost) -> None:
    host.add_pages(blueprint(policy=permission("admin.unheard_of")))


def no_blueprint(host: PluginHost) -> None:
    host.add_pages("pages")


def with_our_name(host: PluginHost) -> None:
    host.add_pages(blueprint("ui_files"))


def same_name_twice(host: PluginHost) -> None:
    host.add_pages(blueprint("twice"))
    host.add_pages(blueprint("twice"), api=True)


def on_files(host: PluginHost) -> None:
    host.describe(ModuleMeta(name="X", view_prefix="/file-storage"))


def below_files(host: PluginHost) -> None:
    host.describe(ModuleMeta(name="X", view_prefix="/file-storage/reports"))


def on_the_api_of_files(host: PluginHost) -> None:
    host.describe(ModuleMeta(name="X", route_prefix="/api/file-storage/extra"))


def on_health(host: PluginHost) -> None:
    host.describe(ModuleMeta(name="X", view_prefix="/healthz"))


def on_the_root(host: PluginHost) -> None:
    host.describe(ModuleMeta(name="X", view_prefix="/"))


def on_all_of_the_api(host: PluginHost) -> None:
    host.describe(ModuleMeta(name="X", route_prefix="/api"))


def pages_in_the_api(host: PluginHost) -> None:
    host.describe(ModuleMeta(name="X", view_prefix="/api/x"))


def with_a_variable(host: PluginHost) -> None:
    host.describe(ModuleMeta(name="X", view_prefix="/<path:everything>"))


def on_the_prefix_of_porch(host: PluginHost) -> None:
    host.describe(ModuleMeta(name="X", view_prefix="/plugins/porch"))


def on_all_of_the_plugins(host: PluginHost) -> None:
    host.describe(ModuleMeta(name="X", view_prefix="/plugins"))


def on_all_routes_of_the_plugins(host: PluginHost) -> None:
    host.describe(ModuleMeta(name="X", route_prefix="/api/plugins"))


def before_every_request(host: PluginHost) -> None:
    pages = blueprint()
    pages.before_app_request(lambda: "nobody gets past me")
    host.add_pages(pages)


def for_every_error(host: PluginHost) -> None:
    pages = blueprint()
    pages.app_errorhandler(404)(lambda error: "nothing is missing")
    host.add_pages(pages)


def in_every_template(host: PluginHost) -> None:
    pages = blueprint()
    pages.app_template_filter("size")(lambda value: "huge")
    host.add_pages(pages)


def another_may(host: PluginHost) -> None:
    pages = blueprint()
    pages.app_template_global("may")(lambda permission: True)
    host.add_pages(pages)


def permission_of_ours(host: PluginHost) -> None:
    host.add_permission(PluginPermission("admin.everything", "All"))


def permission_without_words(host: PluginHost) -> None:
    host.add_permission(PluginPermission("permission_without_words.see", " "))


def permission_for_nobody_known(host: PluginHost) -> None:
    host.add_permission(PluginPermission("permission_for_nobody_known.see", "See", roles=("owner",)))


def described_too_late(host: PluginHost) -> None:
    host.add_pages(blueprint())
    host.describe(ModuleMeta(name="X", view_prefix="/late"))


def command_of_ours(host: PluginHost) -> None:
    import click  # noqa: PLC0415

    host.add_command(click.Command("serve"))


def no_command(host: PluginHost) -> None:
    host.add_command(print)


@pytest.mark.parametrize(
    "name",
    [
        "without_policy",
        "asking_for_nothing_known",
        "no_blueprint",
        "with_our_name",
        "same_name_twice",
        "on_files",
        "below_files",
        "on_the_api_of_files",
        "on_health",
        "on_the_root",
        "on_all_of_the_api",
        "pages_in_the_api",
        "with_a_variable",
        "on_the_prefix_of_porch",
        "on_all_of_the_plugins",
        "on_all_routes_of_the_plugins",
        "before_every_request",
        "for_every_error",
        "in_every_template",
        "another_may",
        "permission_of_ours",
        "permission_without_words",
        "permission_for_nobody_known",
        "described_too_late",
        "command_of_ours",
        "no_command",
    ],
)
def test_what_would_get_in_our_way_is_refused(installed: Callable[..., House], name: str) -> None:
    house = installed(plugins=["porch", name])
    refused(house, name)
    api = house.api("uploader")
    assert api.get("/api/file-storage/files").status_code == 200
    problem(api.get("/api/file-storage/nothing"), "not_found")
    assert api.get("/plugins/porch/").status_code == 200


def reaching_less_far(host: PluginHost) -> None:
    """What concerns its own pages alone is its own business."""
    pages = blueprint(url_prefix="/deep/er")
    pages.before_request(lambda: None)
    pages.errorhandler(ValueError)(lambda error: "mine")
    pages.app_template_filter("reaching_less_far_filter")(str)
    host.describe(ModuleMeta(name="Less", view_prefix="/reports"))
    host.add_pages(pages)
    host.add_pages(blueprint("y", url_prefix="/reports/absolute"))


def test_what_concerns_its_own_pages_alone_is_fine(installed: Callable[..., House]) -> None:
    house = installed(plugins=["reaching_less_far"])
    [record] = [each for each in house.services.plugins.records() if each.name == "reaching_less_far"]
    assert record.error is None
    assert record.brought["pages"] == ["/reports/deep/er/x", "/reports/absolute/x"]
    assert house.api("uploader").get("/reports/deep/er/x").content == b"here"
