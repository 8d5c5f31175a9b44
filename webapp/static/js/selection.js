/* Rows that are ticked: one, a range with Shift, a page, all that match. Lists that come anew keep what is ticked. */
import { $, $$, say, size, t } from "./core.js";
import { reload } from "./requests.js";

let anchor = null;
let kept = null;

/** The rows of the list. */
export const rows = () => $$("#rows > tr");
const box = (row) => $(".check", row);

/** Bring everything that depends on the ticks up to date. */
export function sync(announce) {
  const all = rows();
  const ticked = all.filter((row) => box(row)?.checked);
  for (const row of all) row.toggleAttribute("aria-selected", Boolean(box(row)?.checked));
  for (const row of ticked) row.setAttribute("aria-selected", "true");
  const head = $("#check-all");
  if (head) {
    head.checked = ticked.length > 0 && ticked.length === all.length;
    head.indeterminate = ticked.length > 0 && ticked.length < all.length;
  }
  const everything = $('#bulkbar input[name="all"]');
  if (everything && ticked.length < all.length) {
    everything.remove();
    $("#bulkbar [data-all]").dataset.sumText = "";
  }
  tell(ticked, announce, everything?.isConnected);
}

function tell(ticked, announce, everything) {
  const told = $("#bulkbar [data-sum-text]");
  const count = t("js.selected", { count: ticked.length });
  if (told && ticked.length) {
    const bytes = ticked.reduce((sum, row) => sum + Number(row.dataset.bytes || 0), 0);
    told.textContent = `${count} · ${size(bytes)}`;
  }
  if (announce && !everything) say(ticked.length ? count : t("js.selection_cleared"));
}

/** Tick or untick a row; with `range` all from the one ticked before. */
export function toggle(row, checked, range) {
  const all = rows();
  const at = all.indexOf(row);
  const [from, to] = range && anchor !== null ? [Math.min(anchor, at), Math.max(anchor, at)] : [at, at];
  for (const each of all.slice(from, to + 1)) box(each).checked = checked;
  anchor = at;
  sync(true);
}

/** Untick all; says whether there was anything. */
export function clear() {
  const ticked = rows().filter((row) => box(row)?.checked);
  for (const row of ticked) box(row).checked = false;
  sync(ticked.length > 0);
  return ticked.length > 0;
}

document.addEventListener("click", (event) => {
  const ticked = event.target.closest("#rows .check");
  if (ticked) { toggle(ticked.closest("tr"), ticked.checked, event.shiftKey); return; }
  if (event.target.id === "check-all") {
    for (const row of rows()) box(row).checked = event.target.checked;
    sync(true);
  } else if (event.target.closest("[data-clear]")) {
    event.preventDefault();
    event.stopPropagation();
    clear();
    $("#check-all")?.focus();
  }
}, true);

// --- the list anew ---------------------------------------------------------------

let refreshing = false;

/** Fetch the list again as it is, with what is ticked. */
export function refresh() {
  const list = $("#list");
  if (!list || refreshing) return;
  refreshing = true;
  kept = new Set(rows().filter((row) => box(row)?.checked).map((row) => row.dataset.id));
  const address = new URL(list.dataset.here, location.href);
  // All that match stay selected: those that came with them, too.
  if ($('#bulkbar input[name="all"]')) address.searchParams.set("select", "all");
  reload(list, address.pathname + address.search).finally(() => { refreshing = false; });
}

/* What somebody asks for themselves comes after this: an older answer must not take its place. */
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  const list = $("#list");
  if (!refreshing || detail.target !== list || detail.elt === list) return;
  kept = null;
  window.htmx.trigger(list, "htmx:abort");
});

let shown = $("#list");
document.addEventListener("htmx:afterSettle", () => {
  if (shown === $("#list")) return; // the details, or a menu
  shown = $("#list");
  if (kept) for (const row of rows()) if (kept.has(row.dataset.id)) box(row).checked = true;
  kept = null;
  anchor = null;
  mark();
  sync(false);
});

/* Files stored in this window light up once. */
const fresh = new Set();
function mark() {
  for (const row of rows()) if (fresh.delete(row.dataset.id)) row.classList.add("is-new");
}

document.addEventListener("stowage:uploaded", (event) => {
  for (const file of event.detail.files) fresh.add(file.id);
  if ($("#upload-config") && $("#list")) refresh();
});
document.addEventListener("stowage:changed", refresh);
document.addEventListener("htmx:afterRequest", () => { if (!$("#list")) kept = null; });

sync(false);
