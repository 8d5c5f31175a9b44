/* The details beside the list: opened, closed, and one file further. */
import { $, $$ } from "./core.js";
import { focusRow, reload } from "./requests.js";
import { rows } from "./selection.js";

const panel = () => $("#inspector");

/** Whether details are shown. */
export const isOpen = () => Boolean(panel() && !panel().hidden);
const openRow = () => document.getElementById(`f-${panel()?.dataset.file}`);

/** Close the details and go back to the row. */
export function close() {
  clearTimeout(later);
  if (!isOpen()) return false;
  const row = openRow();
  const address = new URL(location.href);
  address.searchParams.delete("file");
  history.pushState({ htmx: true }, "", address);
  panel().hidden = true;
  delete panel().dataset.file;
  panel().replaceChildren();
  mark();
  if (row) focusRow(row);
  else ($("#list-title") ?? $("#main"))?.focus({ preventScroll: true });
  return true;
}

let later = 0;

/** Show the details of a row's file without going there; quick steps in a row fetch only the last. */
export function follow(row) {
  clearTimeout(later);
  const href = row && $("a.mid", row)?.getAttribute("href");
  if (!href) return;
  later = setTimeout(() => {
    history.replaceState({ htmx: true }, "", href);
    reload(panel(), href);
  }, 120);
}

/** The file before (-1) or after (1) the one that is shown. */
export function step(by) {
  const all = rows();
  const at = all.indexOf(openRow());
  const next = at < 0 ? all[0] : all[at + by];
  if (!next) return;
  next.scrollIntoView({ block: "nearest" });
  follow(next);
}

function mark() {
  // The server keeps the room free for details that are on their way.
  if (!isOpen()) $(".browse")?.classList.remove("has-inspector");
  const shown = isOpen() ? panel().dataset.file : "";
  for (const row of rows()) {
    const open = row.dataset.id === shown;
    row.classList.toggle("is-open", open);
    if (open) $("a.mid", row)?.setAttribute("aria-current", "true");
    else $("a.mid", row)?.removeAttribute("aria-current");
  }
  const at = rows().indexOf(openRow());
  for (const button of $$("#inspector button[data-step]")) button.disabled = at < 0 || !rows()[at + Number(button.dataset.step)];
}

/* An answer that comes after another file was chosen, or none, is not wanted any more. */
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target?.id !== "inspector" || event.detail.requestConfig.verb !== "get") return;
  const asked = new URL(event.detail.pathInfo.finalRequestPath, location.href).searchParams.get("file");
  const now = new URL(location.href).searchParams.get("file");
  if (event.detail.requestConfig.elt?.id === "inspector" && asked !== now) event.detail.shouldSwap = false;
});

document.addEventListener("click", (event) => {
  const control = event.target.closest("[data-close-panel], [data-step]");
  clearTimeout(later);
  if (!control || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  event.stopPropagation();
  if (control.dataset.step) step(Number(control.dataset.step));
  else close();
}, true);

document.addEventListener("htmx:afterSettle", (event) => {
  mark();
  if (event.detail.elt?.id !== "inspector" && event.detail.target?.id !== "inspector") return;
  // Whoever clicked a name reads on there; J, K and the arrows keep their place.
  const from = event.detail.requestConfig?.elt;
  if (from?.matches?.("a.mid")) $("#insp-title")?.focus({ preventScroll: true });
});

/* What is done in the list while details are open comes back to where both are: those of a file that goes are closed. */
document.addEventListener("htmx:configRequest", (event) => {
  const { parameters } = event.detail;
  if (isOpen() && parameters.back) parameters.back = location.pathname + location.search;
});
