/* Where files come from: the pickers, the clipboard, and whatever is dropped on the page. */

import { t, toast } from "./core.js";
import { rules } from "./upload-reasons.js";

const BATCH = 200;
const GONE = 800;

/** Hand files to `start` wherever they turn up. */
export function listen(start) {
  document.addEventListener("change", ({ target }) => picked(target, start));
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-pick]");
    if (button) pick(button.dataset.pick);
  });
  document.addEventListener("paste", (event) => pasted(event, start));
  dragging(start);
}

/** Open the browser's dialog for `files` or a folder (`dir`). */
export function pick(what = "files") {
  if (rules()) document.getElementById(what === "dir" ? "picker-dir" : "picker")?.click();
}

function picked(input, start) {
  if (input.id !== "picker" && input.id !== "picker-dir") return;
  const files = [...input.files];
  input.value = ""; // the same file chosen again is a change again
  if (files.length) start(files);
}

// --- clipboard -----------------------------------------------------------------------

function pasted(event, start) {
  const { files, types } = event.clipboardData ?? {};
  if (!files?.length || !rules() || event.target.closest?.("input, textarea, [contenteditable]")) return;
  // Office programs add a picture of what was copied: nobody meant to upload that.
  if (types.includes("text/rtf") || (types.includes("text/html") && types.includes("text/plain"))) return;
  event.preventDefault();
  start([...files].map(named));
}

/* Pictures from the clipboard are all called image.png. */
function named(file) {
  if (!/^image\.\w+$/.test(file.name)) return file;
  const stamp = new Date().toISOString().slice(0, 19).replace("T", " ").replaceAll(":", ".");
  const name = `${t("upload.pasted_name", { time: stamp })}${file.name.slice("image".length)}`;
  return new File([file], name, { type: file.type, lastModified: file.lastModified });
}

// --- drag and drop -------------------------------------------------------------------

function dragging(start) {
  let own = false;
  let timer = 0;
  const over = (on) => document.body.classList.toggle("dragging", on);
  // A picture of this page can be dragged, too: it is no file.
  addEventListener("dragstart", () => { own = true; });
  addEventListener("dragend", () => { own = false; });
  const foreign = (event) => !own && event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!foreign(event)) return;
    event.preventDefault(); // else the browser leaves the page for the file
    const welcome = Boolean(rules());
    event.dataTransfer.dropEffect = welcome ? "copy" : "none";
    over(welcome);
    // Not every drag that ends elsewhere says so.
    clearTimeout(timer);
    timer = setTimeout(over, GONE, false);
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) over(false); });
  addEventListener("drop", (event) => {
    over(false);
    if (!foreign(event)) return;
    event.preventDefault();
    if (rules()) dropped(event.dataTransfer, start);
  });
}

/* Entries have to be taken before the first pause: then the browser forgets them. */
function dropped(transfer, start) {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.some((entry) => entry.isDirectory)) unpack(entries, start);
  else start([...transfer.files]);
}

/* Files start while their folder is still being read. */
async function unpack(entries, start) {
  let ready = [];
  const empty = [];
  let unread = 0;
  const flush = () => { if (ready.length) start(ready); ready = []; };
  for (const entry of entries) {
    let found = 0;
    for await (const file of within(entry)) {
      found += 1;
      if (!file) { unread += 1; continue; }
      ready.push(file);
      if (ready.length >= BATCH) flush();
    }
    if (!found) empty.push(entry.name);
  }
  flush();
  if (empty.length) toast({ kind: "info", text: t("upload.empty_folders", { count: empty.length, name: empty[0] }) });
  if (unread) toast({ kind: "bad", text: t("upload.unread", { count: unread }) });
}

/* All files below an entry; null for each that cannot be read. */
async function* within(entry) {
  try {
    if (entry.isFile) yield await new Promise((done, fail) => entry.file(done, fail));
    else for await (const child of children(entry)) yield* within(child);
  } catch {
    yield null;
  }
}

/* A reader gives at most a hundred at a time, and nothing when it has given all. */
async function* children(folder) {
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return;
    yield* some;
  }
}
