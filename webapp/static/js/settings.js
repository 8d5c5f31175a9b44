/* The form of settings: what is not saved yet, lists, secrets, defaults, and tests that have grown old.
   It works without all this: each button here is one that the server understands, too. */
import { $, $$, say, t } from "./core.js";
import { open } from "./overlays.js";

const form = () => document.getElementById("settings-form");
const fieldOf = (name) => $(`[data-field="${CSS.escape(name)}"]`, form());

// --- what is not saved yet ------------------------------------------------------------

function changed() {
  const found = form();
  if (!found) return [];
  const data = new FormData(found);
  return $$("[data-field]", found).filter((field) => isChanged(field, data)).map((field) => field.dataset.label);
}

function isChanged({ dataset: { field: name, kind } }, data) {
  if (data.has(`clear.${name}`)) return true;
  if (kind === "secret") return Boolean(data.get(name));
  const now = data.getAll(name).at(-1);
  return now !== undefined && data.has(`was.${name}`) && now.trim() !== data.get(`was.${name}`);
}

function tell() {
  const names = changed();
  const count = document.createElement(names.length ? "b" : "span");
  count.textContent = names.length ? t("js.unsaved", { count: names.length }) : t("js.nothing_unsaved");
  const list = document.createElement("span");
  list.className = "faint";
  list.textContent = names.length ? ` ${names.join(", ")}` : "";
  if (!names.length) count.className = "faint";
  $("[data-unsaved]", form())?.replaceChildren(count, list);
}

document.addEventListener("input", (event) => {
  const field = event.target.closest?.("#settings-form [data-field]");
  if (!field) return;
  const mine = $(`[data-take="${CSS.escape(field.dataset.field)}"][value="mine"]`, form());
  if (mine && event.isTrusted) mine.checked = true;
  age(field.closest("section"));
  tell();
});

/* The result of a test is about the values that it was made with. */
function age(section) {
  for (const note of $$("[data-fresh]", section)) note.hidden = true;
  for (const note of $$("[data-stale]", section)) note.hidden = false;
}

// --- leaving ---------------------------------------------------------------------------

let leaving = false;
let leave = null;

function ask(then) {
  leave = then;
  open("leave-dialog");
}

addEventListener("beforeunload", (event) => { if (!leaving && changed().length) event.preventDefault(); });

document.addEventListener("htmx:confirm", (event) => {
  const { elt, target, issueRequest } = event.detail;
  if (leaving || target !== document.body || form()?.contains(elt) || !changed().length) return;
  event.preventDefault();
  ask(() => issueRequest(true));
});

/* Going back to another part of the form loses nothing, and going back to another page asks first. Of listeners
   on the window the older one comes first, whatever it asked for: so this stands before the one that htmx has set. */
function stays() {
  if (leaving || !changed().length) return false;
  const here = form().getAttribute("action");
  if (location.pathname === here) return true;
  history.pushState({ htmx: true }, "", here);
  ask(() => history.back());
  return true;
}

function guard() {
  const restore = window.onpopstate;
  window.onpopstate = (event) => { if (!stays()) restore?.call(window, event); };
}
if (document.readyState === "complete") guard();
else addEventListener("load", guard);

// --- values ----------------------------------------------------------------------------

/** Let a field hold a value, whatever it is made of. */
function put(field, text) {
  for (const input of $$("input, select", field)) {
    if (input.name !== field.dataset.field) continue;
    if (input.type === "radio") input.checked = input.value === text;
    else if (input.type === "checkbox") input.checked = text === "true";
    else if (field.dataset.kind !== "switch") input.value = text;
  }
  const box = $(".tags", field);
  if (box) draw(box);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

const control = (field) => $("input:checked, .tags input, select, input:not([type=hidden], :disabled)", field);

function reset(button) {
  const field = button.closest("[data-field]");
  put(field, button.dataset.default);
  control(field)?.focus();
  say(t("js.was_reset", { name: field.dataset.label }));
}

/* A secret has an empty field for a new one, or none. */
function swap(field, opened) {
  const shut = $("[data-shut]", field);
  const inputs = $$("input", $("[data-opened]", field));
  shut.hidden = opened;
  $("[data-opened]", field).hidden = !opened;
  for (const input of inputs) input.disabled = !opened;
  const secret = $("[data-secret]", field);
  secret.value = "";
  const clear = $("[data-unset]", field);
  if (clear) { clear.checked = false; clear.closest("label").hidden = opened; }
  // What is labelled is named by that alone: not the button, which says what it does.
  if (opened) $("label.label", field).htmlFor = secret.id;
  else $("label.label", field).removeAttribute("for");
  (opened ? secret : $("[data-replace]", field)).focus();
  tell();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("#settings-form button, [data-leave]");
  if (!button) return;
  const { dataset } = button;
  if ("leave" in dataset) { leaving = true; button.closest("dialog").close(); leave?.(); return; }
  if (!["default", "replace", "keep", "untag"].some((name) => name in dataset)) return;
  event.preventDefault();
  if ("default" in dataset) reset(button);
  else if ("untag" in dataset) remove(button);
  else swap(button.closest("[data-field]"), "replace" in dataset);
});

document.addEventListener("change", ({ target }) => {
  if (!target.closest?.("#settings-form")) return;
  if (target.dataset.take) take(target);
  // Where a sentence about files that stay comes to be shown, it is said, too.
  const stays = $(".stays", form());
  if (target.type === "radio" && stays?.offsetParent) say(stays.textContent.trim());
});

/* What somebody else saved, or what stood here: the other one is kept, for those who change their mind. */
function take(radio) {
  const field = fieldOf(radio.dataset.take);
  const was = $(`input[name="was.${CSS.escape(radio.dataset.take)}"]`, field).value;
  if (radio.value === "mine") { put(field, field.dataset.mine ?? was); return; }
  field.dataset.mine = new FormData(form()).getAll(radio.dataset.take).at(-1) ?? "";
  put(field, was);
}

// --- lists -----------------------------------------------------------------------------

const items = (box) => box.nextElementSibling.value.split(",").map((text) => text.trim()).filter(Boolean);

/** Turn a text with commas into a row of tags; the text stays, out of sight, as what is sent. */
function tags(source) {
  if (source.type === "hidden") return;
  const held = document.activeElement === source;
  const box = document.createElement("div");
  const input = source.cloneNode();
  box.className = "tags";
  for (const name of ["name", "value", "class", "data-tags"]) input.removeAttribute(name);
  input.value = "";
  input.placeholder = t("js.tag_hint");
  source.type = "hidden";
  for (const name of ["id", "aria-describedby", "aria-invalid", "autofocus"]) source.removeAttribute(name);
  source.before(box);
  box.append(input);
  draw(box);
  if (held) input.focus({ preventScroll: true });
}

function draw(box) {
  $$(".tag", box).forEach((tag) => tag.remove());
  for (const text of items(box)) {
    const tag = $("#t-tag").content.firstElementChild.cloneNode(true);
    $("span", tag).textContent = text;
    $("button", tag).dataset.untag = text;
    $("button", tag).setAttribute("aria-label", t("js.tag_remove", { name: text }));
    $("input", box).before(tag);
  }
}

function change(box, texts) {
  box.nextElementSibling.value = texts.join(", ");
  draw(box);
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

function add(box, text) {
  const fresh = text.split(/[,\n\r\t]+/).map((each) => each.trim()).filter(Boolean);
  $("input", box).value = "";
  if (!fresh.length) return;
  change(box, [...new Set([...items(box), ...fresh])]);
  say(t("js.tag_added", { name: fresh.join(", ") }));
}

function remove(button) {
  const box = button.closest(".tags");
  const at = $$(".tag button", box).indexOf(button);
  change(box, items(box).filter((text) => text !== button.dataset.untag));
  ($$(".tag button", box)[at] ?? $("input", box)).focus();
  say(t("js.tag_removed", { name: button.dataset.untag }));
}

const boxOf = (target) => (target.localName === "input" ? target.closest("#settings-form .tags") : null);

document.addEventListener("keydown", (event) => {
  const box = boxOf(event.target);
  if (!box || event.isComposing) return;
  const { value } = event.target;
  if ((event.key === "Enter" || event.key === ",") && value.trim()) { event.preventDefault(); add(box, value); }
  else if (event.key === ",") event.preventDefault();
  else if (event.key === "Backspace" && !value && items(box).length) {
    const last = items(box).at(-1);
    change(box, items(box).slice(0, -1));
    say(t("js.tag_removed", { name: last }));
  }
});
document.addEventListener("paste", (event) => {
  const box = boxOf(event.target);
  const text = event.clipboardData?.getData("text") ?? "";
  if (!box || !/[,\n\r\t]/.test(text)) return;
  event.preventDefault();
  add(box, `${event.target.value}${text}`);
});
document.addEventListener("focusout", ({ target }) => {
  const box = boxOf(target);
  if (box && target.value.trim()) add(box, target.value);
});
document.addEventListener("click", ({ target }) => { if (target.matches?.("#settings-form .tags")) $("input", target).focus(); });

// --- sections --------------------------------------------------------------------------

let chosen = null;

/** Mark the section that is looked at. One that was chosen is, even where the page is too short to bring it to the top. */
function mark() {
  const links = $$("#sections a");
  const sections = links.map((link) => $(link.getAttribute("href")));
  const low = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
  const above = sections.filter((section) => section?.getBoundingClientRect().top <= innerHeight / 4).length - 1;
  const at = chosen ? links.findIndex((link) => link.getAttribute("href") === chosen) : low && scrollY ? links.length - 1 : Math.max(above, 0);
  links.forEach((link, index) => (index === at ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
}
document.addEventListener("click", ({ target }) => {
  const link = target.closest?.("#sections a");
  if (link) { chosen = link.getAttribute("href"); mark(); }
});
for (const name of ["wheel", "touchmove", "keydown"]) addEventListener(name, () => { chosen = null; }, { passive: true });
let waiting = 0;
addEventListener("scroll", () => { waiting ||= requestAnimationFrame(() => { waiting = 0; if (form()) mark(); }); }, { passive: true });

// --- a form that has just come ------------------------------------------------------------

function init() {
  leaving = false;
  if (!form()) return;
  $$("[data-tags]", form()).forEach(tags);
  mark();
}
document.addEventListener("htmx:afterSettle", init);
init();
