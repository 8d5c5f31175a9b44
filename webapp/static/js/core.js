/* What every script of the pages needs: words, numbers, announcements, toasts.

   Everything is looked up when it is used: a boosted link swaps the whole body,
   and whatever was found before may be gone. */

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// --- words ---------------------------------------------------------------------

/* <script type="application/json" id="words">: sentences under dotted keys. htmx
   drops script elements of what it swaps in, so the last ones found stay good. */
let source = null;
let words = {};

function sentences() {
  const element = document.getElementById("words");
  if (element && element !== source) {
    source = element;
    words = JSON.parse(element.textContent);
  }
  return words;
}

const language = () => document.documentElement.lang || "en";

const kept = new Map();

/* What Intl makes for the page's language: making it takes longer than using it. */
function intl(Kind, options) {
  const key = `${language()} ${Kind.name}${options ? " with options" : ""}`;
  if (!kept.has(key)) kept.set(key, new Kind(language(), options));
  return kept.get(key);
}

export const has = (key) => key in sentences() || `${key}.other` in sentences();

/** The sentence for a key; with `count` the one for that number. A missing one shows its key. */
export function t(key, values = {}) {
  const found = sentences();
  const plural = "count" in values && `${key}.${intl(Intl.PluralRules).select(values.count)}`;
  const text = found[plural] ?? found[`${key}.other`] ?? found[key] ?? key;
  if (!text.includes("{")) return text;
  return text.replace(/\{(\w+)(:,)?\}/g, (whole, name, grouped) => {
    if (!(name in values)) return whole;
    return grouped ? number(values[name]) : String(values[name]);
  });
}

// --- numbers -------------------------------------------------------------------

/** 1,234 in the page's language. */
export const number = (value) => intl(Intl.NumberFormat).format(value);

const DECIMAL = ["kb", "mb", "gb", "tb", "pb", "eb"];
const ONE_DECIMAL = { maximumFractionDigits: 1 };
const BINARY = ["kib", "mib", "gib", "tib", "pib", "eib"];

/** 1.2 MB, or 1.2 MiB where the reader wants powers of 1,024: as the server's `size` says it. */
export function size(bytes) {
  const binary = document.documentElement.dataset.units === "binary";
  const [base, units] = binary ? [1024, BINARY] : [1000, DECIMAL];
  if (bytes < base) return t("size.bytes", { count: bytes });
  let power = 1;
  // 999,950 bytes are not 1000.0 KB.
  while (power < units.length && tenths(bytes / base ** power) >= base) power += 1;
  const value = intl(Intl.NumberFormat, ONE_DECIMAL).format(tenths(bytes / base ** power));
  return t(`size.${units[power - 1]}`, { value });
}

/** One decimal; halves go to the even one, as in Python. */
function tenths(value) {
  return value % 1 === 0.25 ? value - 0.05 : Number(value.toFixed(1));
}

/** 12 s, 3 min, 1 h 20 min: how long something takes. */
export function duration(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return t("js.seconds", { value: number(whole) });
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return t("js.minutes", { value: number(minutes) });
  return t("js.hours", { hours: number(Math.floor(minutes / 60)), minutes: number(minutes % 60) });
}

// --- the page ------------------------------------------------------------------

/** The token that unsafe requests carry; it comes with every page. */
export const csrf = () => document.getElementById("csrf")?.dataset.token ?? "";

/** Show another icon of the sprite in an <svg class="i">. */
export function icon(svg, name) {
  const use = svg.localName === "use" ? svg : $("use", svg);
  use.setAttribute("href", use.getAttribute("href").replace(/#.*$/, `#i-${name}`));
}

let unsaid = [];

/** Let a screen reader say it. Sentences of the same moment come together: none replaces another. */
export function say(text) {
  unsaid.push(text);
  if (unsaid.length > 1) return;
  const region = document.getElementById("say");
  if (region) region.textContent = "";
  setTimeout(() => {
    const now = document.getElementById("say");
    if (now) now.textContent = unsaid.join(" ");
    unsaid = [];
  }, 120);
}

// --- toasts --------------------------------------------------------------------

const ICONS = { ok: "circle-check", bad: "circle-alert", warn: "triangle-alert", info: "info" };
const TICK = 250;

/** Show a notification; returns its element. `action` is {label, run}, `glyph` another icon.

   Built from <template id="t-toast">, in the shape the server gives to its own: the
   icon, a <p>, a <span> that an action takes the place of, and [data-dismiss]. */
export function toast({ kind = "ok", text, sub = "", action = null, glyph = "" }) {
  const element = document.getElementById("t-toast").content.firstElementChild.cloneNode(true);
  element.classList.add(`toast-${kind}`);
  element.dataset.toast = kind;
  icon($("svg.i", element), glyph || ICONS[kind]);
  $("p", element).textContent = text;
  if (sub) $("p", element).append(make("small", sub));
  if (action) $(":scope > span", element).replaceWith(choice(element, action));
  document.getElementById("toasts").append(element);
  arm(element);
  return element;
}

function choice(element, { label, run }) {
  const button = make("button", label);
  button.className = "btn btn-sm";
  button.type = "button";
  button.addEventListener("click", () => { dismiss(element); run(); });
  return button;
}

function make(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

/** Take a notification away. Focus that was in it goes back to where it came from. */
export function dismiss(element) {
  const held = element.contains(document.activeElement);
  const neighbour = element.nextElementSibling ?? element.previousElementSibling;
  element.remove();
  if (!held) return;
  const next = neighbour && $("[data-dismiss]", neighbour);
  const home = before?.isConnected ? before : document.getElementById("main");
  (next ?? home)?.focus({ preventScroll: true });
}

/* Where focus was before it went to the notifications. */
let before = null;

/* How long each one still stays. Errors are not in it: they stay until dismissed. */
const clocks = new Map();
const known = new WeakSet();
let ticking = 0;

/** Start the clock of a notification, whoever put it there, and have it said. */
function arm(element) {
  if (known.has(element)) return;
  known.add(element);
  const bad = element.dataset.toast === "bad";
  const told = $("p", element);
  if (bad) told?.setAttribute("role", "alert");
  else if (told) say([...told.childNodes].map((node) => node.textContent.trim()).join(" "));
  if (bad || "still" in document.documentElement.dataset) return;
  const acts = $("button:not([data-dismiss]), a[href]", element);
  clocks.set(element, acts ? 12000 : 8000);
  ticking ||= setInterval(tick, TICK);
}

function tick() {
  for (const [element, left] of clocks) {
    if (!element.isConnected) clocks.delete(element);
    // The clock stands still for somebody who reads it, and while nobody can see it.
    else if (document.hidden || element.matches(":hover, :focus-within")) continue;
    else if (left > TICK) clocks.set(element, left - TICK);
    else { clocks.delete(element); dismiss(element); }
  }
  if (!clocks.size) ticking = clearInterval(ticking) ?? 0;
}

const watch = new MutationObserver((records) => {
  for (const { addedNodes } of records) for (const node of addedNodes) if (node.matches?.(".toast")) arm(node);
});

/** Arm the notifications that came with a page, and those that fragments will bring. */
function adopt() {
  const tray = document.getElementById("toasts");
  if (!tray) return;
  for (const element of $$(".toast", tray)) arm(element);
  watch.disconnect();
  watch.observe(tray, { childList: true });
}

document.addEventListener("focusin", ({ target, relatedTarget }) => {
  if (target.closest(".toast") && relatedTarget && !relatedTarget.closest(".toast")) before = relatedTarget;
});
document.addEventListener("click", ({ target }) => {
  const element = target.closest("[data-dismiss]")?.closest(".toast");
  if (element) dismiss(element);
});
document.addEventListener("htmx:afterSettle", adopt);
adopt();
