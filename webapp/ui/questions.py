"""Asks before files go: a dialog, or a page where no scripts run. It names what goes."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from flask import Response, make_response, render_template, request, url_for

from webapp.contracts.files import StoredFileOut
from webapp.http.context import caller, services
from webapp.http.i18n import t
from webapp.ui import answers, flashes, forms, htmx, lists, pages, selections, states
from webapp.ui.addresses import see

TYPED_FROM = 10
"""Whoever deletes so many files for good types their number."""
_TEMPLATE = "files/ask.html"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is about to happen to which files."""

    what: str
    """``trash`` or ``purge``."""
    back: str
    count: int
    exact: bool = True
    filtered: bool = False
    """Whether some files may be left out by filters."""
    ids: list[UUID]
    files: list[StoredFileOut]
    """Those of them that the page shows."""
    everything: str = ""
    """Stands for all that match, instead of ``ids``."""

    @property
    def action(self) -> str:
        """Where the answer goes."""
        return url_for("ui_files.delete" if self.what == "trash" else "ui_trash.purge")

    @property
    def typed(self) -> bool:
        """Whether the number of files has to be typed."""
        return self.what == "purge" and self.count >= TYPED_FROM


def ask(what: str, file_id: UUID | None = None) -> Response:
    """Ask about the files that are selected, or one."""
    question = _question(what, file_id)
    return show(question) if question.count else _nothing(question.back)


def ask_all() -> Response:
    """Ask about the whole trash, as it is now."""
    now = datetime.now(UTC)
    state = states.start(trash=True)
    count, exact = services().bulk.count(caller(), state.listing(now), now)
    files = services().listing.list(caller(), state.listing(now)).items
    question = Question(
        what="purge",
        back=forms.back("ui_trash.browse"),
        count=count,
        exact=exact,
        ids=[],
        files=files,
        everything=selections.make(state, now),
    )
    return show(question) if count else _nothing(question.back)


def show(question: Question, *, wrong: bool = False) -> Response:
    """The question; ``wrong`` if what was typed is not the number."""
    values = {"question": question, "wrong": wrong}
    status = 422 if wrong else 200
    if htmx.wants_fragment():
        return htmx.fragment(_TEMPLATE, ("dialog",), values, status)
    return make_response(render_template(_TEMPLATE, **values), status)


def _nothing(back: str) -> Response:
    message = flashes.made("warn", t("toasts.none_selected"))
    if htmx.wants_fragment():
        return answers.beside(message, back)
    flashes.keep(message)
    return see(back)


def unanswered() -> Response | None:
    """The question once more, if the number had to be typed and was not."""
    if request.form.get("work"):
        return None  # it was answered when the work began
    question = _question("purge", None)
    typed = "".join(c for c in request.form.get("typed", "") if c.isdigit())
    if not question.typed or typed == str(question.count):
        return None
    return show(question, wrong=True)


def _question(what: str, file_id: UUID | None) -> Question:
    back = forms.back("ui_files.browse" if what == "trash" else "ui_trash.browse")
    page = lists.show(pages.state_of(back)).found.items
    if everything := forms.everything(file_id):
        selection = selections.read(everything)
        count, exact = services().bulk.count(caller(), selection.state.listing(selection.moment), selection.moment)
        # The question has no rows to untick.
        everything = selections.make(selection.state, selection.moment)
        return Question(
            what=what,
            back=back,
            count=count,
            exact=exact,
            filtered=selection.state.is_filtered,
            ids=[],
            files=page,
            everything=everything,
        )
    ids = forms.ids(file_id)
    files = [file for file in page if file.id in ids]
    return Question(what=what, back=back, count=len(ids), ids=ids, files=files)
