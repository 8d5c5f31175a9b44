/* Search or jump: the palette, moved through with the arrows. */
import { $, $$ } from "./core.js";
import { open } from "./overlays.js";
import { setTheme } from "./small.js";
import { pick } from "./upload-sources.js";

const options = () => $$("#palette-list [role=option]:not([aria-disabled])");
const input = () => $("#palette-q");

/** Open it, with what it offers before anything is typed. */
export function openPalette() {
  open("palette");
  input()?.select();
  window.htmx.trigger(input(), "stowage:palette");
}

function select(option) {
  for (const each of options()) each.setAttribute("aria-selected", String(each === option));
  if (option) input().setAttribute("aria-activedescendant", option.id);
  else input().removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

/* What the options are for, and whether Enter waits for those of what was typed since. */
let shown = null;
let waiting = false;

document.addEventListener("keydown", (event) => {
  if (event.target.id !== "palette-q") return;
  const all = options();
  const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    select(all.at((at + (event.key === "ArrowDown" ? 1 : -1)) % all.length));
  } else if (event.key === "Enter") {
    event.preventDefault();
    waiting = shown !== input().value;
    if (!waiting) all[at]?.click();
  }
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest('[data-open="palette"]');
  if (opener) { event.stopImmediatePropagation(); openPalette(); return; }
  const option = event.target.closest("#palette-list [role=option]");
  if (!option) return;
  $("#palette").close();
  if (option.dataset.command) run(option.dataset.command);
});

function run(command) {
  if (command === "upload") pick();
  else if (command === "keys") open("keys-dialog");
  else if (command.startsWith("theme-")) setTheme(command.slice("theme-".length));
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id !== "palette-list" && event.detail.elt?.id !== "palette-list") return;
  shown = event.detail.requestConfig?.parameters.q ?? input().value;
  select(options()[0]);
  if (waiting && shown === input().value) options()[0]?.click();
  waiting = waiting && shown !== input().value;
});
