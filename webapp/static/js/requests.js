/* What goes with every request of htmx, and what happens when one fails. Focus never falls to the body. */
import { $, $$, csrf, say, t, has, toast } from "./core.js";

const on = (name, run) => document.addEventListener(`htmx:${name}`, run);

on("configRequest", (event) => { event.detail.headers["X-CSRFToken"] = csrf(); });

/* Pages that say no are pages too: a link that leads to one shows it. */
on("beforeSwap", (event) => {
  const { xhr, boosted, requestConfig } = event.detail;
  const page = xhr.getResponseHeader("Content-Type")?.startsWith("text/html");
  if (xhr.status >= 400 && page && (boosted || requestConfig.boosted)) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  } else if (xhr.status >= 400 && !page) {
    // Told as an error: what is no markup is never shown as markup.
    event.detail.shouldSwap = false;
    event.detail.isError = true;
  }
});

// --- focus -----------------------------------------------------------------------

let held = null;

on("beforeSwap", (event) => {
  const active = document.activeElement;
  const all = $$("#rows > tr");
  // What acts on ticked rows goes with them: then the first of these says where one was.
  const ticked = active?.closest?.("#ask, #bulkbar") ? all.find((row) => $(".check", row)?.checked) : null;
  const row = active?.closest?.("#rows > tr") ?? ticked;
  held = { id: active?.id, at: row ? all.indexOf(row) : -1, row: row?.id, panel: event.detail.target?.id === "inspector" };
});

const lost = () => !document.activeElement || document.activeElement === document.body;

/** Focus the name in a row. */
export function focusRow(row) {
  (row && $("a.mid, .mid[tabindex]", row))?.focus({ preventScroll: false });
}

function recover() {
  const same = held?.id && document.getElementById(held.id);
  if (same && same.offsetParent !== null) same.focus({ preventScroll: true });
  if (!lost()) return;
  if (held?.panel) $("#insp-title")?.focus({ preventScroll: true });
  if (!lost()) return;
  const rows = $$("#rows > tr");
  if (held?.at >= 0 && rows.length) focusRow((held.row && document.getElementById(held.row)) || rows[Math.min(held.at, rows.length - 1)]);
  if (lost()) ($("#list-title") ?? $("#main"))?.focus({ preventScroll: true });
}

on("afterSettle", (event) => {
  const target = event.detail.target ?? event.target;
  if (target === document.body) return;
  // After the other listeners: a dialog that opens takes the focus.
  queueMicrotask(() => { if (held && lost()) recover(); held = null; });
  if (event.detail.elt?.id === "list" || target?.id === "list") announce(event.detail.requestConfig);
});

function announce(config) {
  const wrapper = config?.elt;
  if (!wrapper?.closest?.("#filters, #chips")) return;
  say(t("js.found", { total: $("#tally")?.textContent ?? "" }));
}

/* Another page: from its top, with its title said. */
function arrived() {
  if (!location.hash) scrollTo(0, 0);
  const aim = $("[autofocus]", $("#main")) ?? $("#main");
  aim?.focus({ preventScroll: true });
  say(document.title);
}
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target === document.body && event.detail.boosted) requestAnimationFrame(arrived);
});
document.addEventListener("htmx:historyRestore", () => requestAnimationFrame(() => { if (lost()) $("#main")?.focus({ preventScroll: true }); }));

/* Going to another page of the list: its first row, from the top. */
on("afterSettle", (event) => {
  const from = event.detail.requestConfig?.elt;
  if (!from?.closest?.(".pager")) return;
  $("#list")?.scrollIntoView({ block: "start" });
  if (from.rel) focusRow($("#rows > tr"));
});

// --- menus that are open stay as they are, with new numbers -----------------------------

on("oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  if (!target?.matches?.(".facets:popover-open")) return;
  event.detail.shouldSwap = false;
  for (const count of $$("[data-count]", fragment)) {
    const shown = $(`[data-count="${CSS.escape(count.dataset.count)}"]`, target);
    if (shown) shown.textContent = count.textContent;
  }
});

// --- failures --------------------------------------------------------------------------

on("responseError", (event) => failed(event, problem(event.detail.xhr)));
on("sendError", (event) => failed(event, { why: t("js.offline") }));
on("timeout", (event) => failed(event, { why: t("js.timeout") }));

function problem(xhr) {
  let said = {};
  try { said = JSON.parse(xhr.responseText); } catch { /* not ours */ }
  const known = said.code && has(`errors.${said.code}`);
  const field = said.errors?.[0]?.message;
  const why = field ?? (known ? t(`errors.${said.code}`) : said.detail) ?? t("js.failed", { status: xhr.status });
  return { why, request: said.request_id ?? xhr.getResponseHeader("X-Request-ID") };
}

/** Say what failed where it failed; what else is on the page stays. */
function failed(event, { why, request }) {
  const { target, requestConfig, pathInfo } = event.detail;
  if (event.detail.xhr?.status === 401) return; // on the way to the sign-in page
  const reading = requestConfig?.verb === "get";
  if (reading && (target?.id === "list" || target?.id === "inspector")) inPlace(target, why, request, pathInfo.finalRequestPath);
  else toast({ kind: "bad", text: why, sub: request ? t("js.request", { id: request }) : "" });
}

function inPlace(target, why, request, path) {
  const note = $("#t-failed").content.firstElementChild.cloneNode(true);
  $("[data-why]", note).textContent = target.id === "list" ? `${why} ${t("js.filters_kept")}` : why;
  $("[data-request]", note).textContent = request ? t("js.request", { id: request }) : "";
  $("[data-again]", note).addEventListener("click", () => reload(target, path));
  if (target.id === "list") $(".table-card", target).replaceChildren(note);
  else { target.hidden = $("[data-close-panel]", note).hidden = false; target.replaceChildren(note); }
  $("[data-again]", note).focus({ preventScroll: true });
}

/** Fetch a part of the page again. Each part has its own queue; what fails is told by failed(). */
export function reload(target, path) {
  return window.htmx.ajax("GET", path, { source: target, target: `#${target.id}`, swap: "outerHTML" }).catch(() => {});
}
