/* Small things: theme and row height, copying, passwords that show, pictures that are none, heads that stick. */
import { $, $$, dismiss, icon, say, t, toast } from "./core.js";

const root = document.documentElement;
const YEAR = 31536000;
const keep = (name, value) => { document.cookie = `${name}=${value};path=/;max-age=${YEAR};samesite=lax`; };

// The server reads these cookies and renders the attributes: no flash of the other theme, no inline script.

/** Light, dark or as the system. */
export function setTheme(theme) {
  root.dataset.theme = theme;
  keep("fs_theme", theme);
}

function setDensity(density) {
  root.dataset.density = density;
  keep("fs_density", density);
  for (const button of $$("[data-density-set]")) button.setAttribute("aria-pressed", String(button.dataset.densitySet === density));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button, a");
  if (!button) return;
  if (button.dataset.themeSet) setTheme(button.dataset.themeSet);
  if (button.dataset.densitySet) setDensity(button.dataset.densitySet);
  if (button.dataset.reveal) reveal(button);
  if (button.dataset.copy) { const source = $(button.dataset.copy); copy(source.value ?? source.textContent, button); }
  if (button.dataset.copyText) copy(button.dataset.copyText, button, button.dataset.said);
});

// --- copying ---------------------------------------------------------------------------

async function copy(text, button, said) {
  try {
    await write(text);
  } catch {
    toast({ kind: "bad", text: t("js.copy_failed") });
    return;
  }
  if (said) toast({ kind: "ok", text: said }); else say(t("js.copied"));
  const use = button && $("use", button);
  if (!use) return;
  const before = use.getAttribute("href").split("#i-")[1];
  icon(use, "check");
  setTimeout(() => icon(use, before), 1600);
}

/* Over plain HTTP on another machine there is no clipboard interface: the old way still works. */
async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  const active = document.activeElement;
  area.value = text;
  area.className = "vh";
  (active.closest("dialog") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  active.focus?.({ preventScroll: true });
  if (!done) throw new Error("not copied");
}

document.addEventListener("stowage:copy", (event) => copy(event.detail.text, null, t("js.link_copied")));

function reveal(button) {
  const field = $(button.dataset.reveal);
  const show = field.type === "password";
  field.type = show ? "text" : "password";
  button.setAttribute("aria-pressed", String(show));
  button.setAttribute("aria-label", show ? button.dataset.hide : button.dataset.show);
  icon($("use", button), show ? "eye-off" : "eye");
}

/* An offer that was taken up is none any more. */
document.addEventListener("htmx:afterRequest", (event) => {
  const offer = event.target.closest?.("#toasts .toast");
  if (offer && event.detail.successful) dismiss(offer);
});

// --- pictures that cannot be shown leave the icon below them --------------------------------

const isPicture = (element) => element.matches?.(".tile img, .preview > img");
const tried = new WeakMap();
const statusOf = (address) => fetch(address, { cache: "force-cache" }).then(({ status }) => status, () => 0);
/* Many pictures at once have to wait for each other; one that cannot be made (204) is gone at once. */
async function failed(image) {
  if (image.hidden) return; // it is being looked after
  image.hidden = true;
  const times = tried.get(image) ?? 0;
  tried.set(image, times + 1);
  const status = times < 2 ? await statusOf(image.src) : 204;
  const busy = status === 0 || status === 429 || status >= 500;
  if (!busy && status !== 200) { image.remove(); return; }
  setTimeout(() => { image.hidden = false; image.src = image.getAttribute("src"); }, busy ? 4000 * (times + 1) : 0);
}
document.addEventListener("error", ({ target }) => { if (isPicture(target)) failed(target); }, true);
/* Those that failed before anybody listened. */
function sweep() {
  for (const image of $$(".tile img, .preview > img")) if (image.complete && image.src && !image.naturalWidth && image.loading !== "lazy") failed(image);
}

// --- the heads of the list stick below the toolbar, whose height changes as chips wrap ---------

const grow = new ResizeObserver(([entry]) => root.style.setProperty("--stick", `${entry.target.offsetHeight}px`));
function init() {
  sweep();
  grow.disconnect();
  const bar = $(".toolbar");
  if (bar) grow.observe(bar);
}
document.addEventListener("htmx:afterSettle", init);
init();
