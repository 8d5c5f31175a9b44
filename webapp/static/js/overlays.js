/* Menus stand by their button; dialogs open, ask for what has to be typed, and give the focus back. */
import { $, $$ } from "./core.js";

// --- menus: native popovers --------------------------------------------------------

let opener = null;
document.addEventListener("click", (event) => { opener = event.target.closest("[popovertarget]") ?? opener; }, true);

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.classList?.contains("menu")) return;
  opener?.setAttribute("aria-expanded", String(event.newState === "open"));
  // The button may have come anew meanwhile: then the platform knows none to give the focus back to.
  const lost = document.activeElement === document.body || menu.contains(document.activeElement);
  if (event.newState === "closed" && lost) $(`[popovertarget="${menu.id}"]`)?.focus({ preventScroll: true });
  if (event.newState !== "open" || !opener) return;
  place(menu, opener.getBoundingClientRect());
  $("[role=menuitem], input, button", menu)?.focus({ preventScroll: true });
}, true);

function place(menu, by) {
  const [side, align] = (menu.dataset.place || "bottom-start").split("-");
  const own = menu.getBoundingClientRect();
  const gap = 6;
  let top = side === "top" ? by.top - own.height - gap : by.bottom + gap;
  if (top + own.height > innerHeight - 8) top = by.top - own.height - gap;
  const left = align === "end" ? by.right - own.width : by.left;
  menu.style.top = `${Math.max(8, top)}px`;
  menu.style.left = `${Math.min(Math.max(8, left), innerWidth - own.width - 8)}px`;
}

document.addEventListener("click", (event) => {
  const chosen = event.target.closest("[role=menu] [role=menuitem]");
  chosen?.closest("[popover]")?.hidePopover();
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("[role=menu]");
  if (!menu || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  const items = $$("[role=menuitem]", menu).filter((item) => item.offsetParent !== null);
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  items.at(to % items.length)?.focus();
});

/* Going to another page closes the sidebar of small screens. */
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.boosted) $("#nav:popover-open")?.hidePopover();
});

// --- dialogs -------------------------------------------------------------------------

let asker = null;

/** Open a dialog of the page. */
export function open(id) {
  const dialog = document.getElementById(id);
  if (dialog?.open !== false) return;
  $$("[popover]:popover-open").forEach((menu) => menu.hidePopover());
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-open], [data-close]");
  if (button?.dataset.open) open(button.dataset.open);
  else if (button) button.closest("dialog")?.close();
});

/* What the server asks arrives in #ask. */
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.target?.id === "ask") asker = document.activeElement;
});
function openAsked() {
  const dialog = $("#ask > dialog");
  if (!dialog || dialog.open) return;
  dialog.showModal();
  ($("[autofocus]", dialog) ?? $("[tabindex], button", dialog))?.focus();
  dialog.addEventListener("close", () => {
    if (dialog.isConnected) dialog.remove();
    if (asker?.isConnected) asker.focus({ preventScroll: true });
  });
}
for (const name of ["htmx:afterSettle", "htmx:oobAfterSwap"]) document.addEventListener(name, openAsked);

/* The answer is on its way: the dialog goes, what it replaces comes. A wrong answer comes back as a question. */
document.addEventListener("htmx:beforeSwap", (event) => {
  if (!event.target.closest?.("#ask") && !event.detail.requestConfig?.elt?.closest?.("#ask")) return;
  const retarget = event.detail.target?.id === "ask" && event.detail.xhr.status !== 422;
  const asks = event.detail.xhr.responseText.includes('id="ask-dialog"');
  if (retarget && !asks && $("#list")) event.detail.target = $("#list"), event.detail.swapOverride = "outerHTML";
  if (!asks) $("#ask > dialog")?.close();
});

document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-typed]");
  if (!form || event.target.name !== "typed") return;
  $(".btn-danger", form).disabled = event.target.value.replace(/\D/g, "") !== form.dataset.typed;
});
