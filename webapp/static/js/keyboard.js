/* The keyboard map. Single keys never fire in a field and can be switched off (WCAG 2.1.4). */
import { $ } from "./core.js";
import { open } from "./overlays.js";
import { openPalette } from "./palette.js";
import { close, follow, isOpen } from "./panel.js";
import { focusRow } from "./requests.js";
import { clear, rows, toggle } from "./selection.js";
import { pick } from "./upload-sources.js";

const KEYS = "fs_keys";
const stored = () => { try { return localStorage.getItem(KEYS); } catch { return null; } };
const keysOn = () => stored() !== "off";

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-keys-toggle]")) return;
  try { localStorage.setItem(KEYS, event.target.checked ? "on" : "off"); } catch { /* private mode */ }
});
const show = () => { const box = $("[data-keys-toggle]"); if (box) box.checked = keysOn(); };
document.addEventListener("htmx:afterSettle", show);
show();

/** The row that keys act on: the one with the focus, else the one whose details are open. */
function current() {
  const row = document.activeElement?.closest?.("#rows > tr");
  return row ?? (isOpen() ? document.getElementById(`f-${$("#inspector").dataset.file}`) : null);
}

function move(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(current());
  const row = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
  focusRow(row);
  row.scrollIntoView({ block: "nearest" });
  if (isOpen()) follow(row);
}

const inRow = (selector) => { const row = current(); return row && $(selector, row); };
const GO = { f: ".nav .brand", t: '.nav a[href$="/file-storage/trash"]', a: '.nav a[href$="/admin/activity"]' };

const ACTIONS = {
  "/": () => { $("#q")?.focus(); $("#q")?.select(); },
  "?": () => open("keys-dialog"),
  u: () => pick(),
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  x: (event) => { const row = current(); const box = row && $(".check", row); if (box) toggle(row, event.shiftKey || !box.checked, event.shiftKey); },
  d: () => (inRow("[data-download]") ?? (isOpen() && $("#panel-download")) ?? null)?.click?.(),
  c: () => copyLink(),
  Backspace: () => (inRow("[data-trash]") ?? (isOpen() ? $("#panel-trash") : null))?.click(),
  "]": () => $('#list [rel="next"]')?.click(),
  "[": () => $('#list [rel="prev"]')?.click(),
};

function copyLink() {
  const link = inRow("[data-download]");
  if (link) document.dispatchEvent(new CustomEvent("stowage:copy", { detail: { text: link.href } }));
  else if (isOpen()) $("#panel-link")?.click();
}

let pending = "";
const FIELDS = "input:not([type=checkbox]):not([type=radio]), textarea, select, dialog, [popover]:popover-open, video, audio, [contenteditable]";

document.addEventListener("keydown", (event) => {
  if ((event.metaKey || event.ctrlKey) && !event.altKey && event.key.toLowerCase() === "k" && $("#palette")) {
    event.preventDefault();
    openPalette();
    return;
  }
  // On some keyboards brackets are typed with Alt.
  const bracket = event.key === "[" || event.key === "]";
  if (event.defaultPrevented || event.metaKey || (!bracket && (event.ctrlKey || event.altKey))) return;
  if (event.key === "Escape") { escape(event); return; }
  if (!keysOn() || event.target.closest?.(FIELDS)) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const go = pending === "g" && GO[key];
  pending = key === "g" && !go ? "g" : "";
  if (go) { event.preventDefault(); $(go)?.click(); return; }
  const arrows = key.startsWith("Arrow");
  if (!ACTIONS[key] || (arrows && (!$("#rows") || event.target.closest?.("pre, [role=menu], .dialog-list, .dock-list")))) return;
  event.preventDefault();
  ACTIONS[key](event);
});

/* One thing at a time: first what lies on top, then the details, then the selection. */
function escape(event) {
  if (document.querySelector("dialog[open], [popover]:popover-open")) return;
  if (event.target.id === "q") { event.target.blur(); $("#list-title")?.focus({ preventScroll: true }); return; }
  if (!close()) clear();
}
