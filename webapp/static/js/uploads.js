/* Uploads: ties the queue to the dock, to the network, to the session and to the rest of the page. */

import { $, dismiss, say, t, toast } from "./core.js";
import { draw, fold } from "./upload-dock.js";
import { active, add, batch, clear, hold, jobs, pause, release, remove, resume, retry, state, tell } from "./upload-queue.js";
import { renewed } from "./upload-reasons.js";

const STAY = 6000;
const SOON = 400;
const GATHER = 1000;
const CROWD = 60;
const ASK_AGAIN = 5000;

/** Upload these. */
export function start(files) {
  const added = add([...files]);
  const going = added.filter((job) => job.state !== "refused").length;
  if (going) started(going);
}

// --- what is said, once each -----------------------------------------------------------

/* Collects values and hands them on together, at most once per `time()`. */
function gather(time, act) {
  let values = [];
  let timer = 0;
  return (value) => {
    values.push(value);
    timer ||= setTimeout(() => { const all = values; values = []; timer = 0; act(all); }, time());
  };
}

const started = gather(() => SOON, (counts) => say(t("upload.say_started", { count: counts.reduce((a, b) => a + b) })));

const told = gather(() => GATHER, (failures) => {
  const [first] = failures;
  if (failures.length === 1) say(`${first.name}: ${first.note}`);
  else say(t("upload.say_failed", { count: failures.length }));
});

/* The list is drawn anew each time: of hundreds, not every second. */
const announce = gather(() => (active().length > CROWD ? 3 * GATHER : GATHER), (files) => {
  document.dispatchEvent(new CustomEvent("stowage:uploaded", { detail: { files } }));
});

const ended = gather(() => 2 * SOON, () => {
  if (batch.done && !active().length) say(t("upload.say_done", { count: batch.done }));
});

let unfinished = false;
let looking = false;

function finished() {
  looking = false;
  const going = active().length > 0;
  if (unfinished && !going) ended();
  // A question that nothing depends on any more; in a hidden dock it would lock the page.
  if (!going) document.getElementById("uploads-stop")?.close();
  unfinished = going;
}

tell.changed = (job) => {
  draw(job);
  // Hundreds may change at once.
  if (!looking) queueMicrotask(finished);
  looking = true;
};
tell.failed = (job) => told(job);
tell.stored = (job) => {
  announce(job.stored);
  setTimeout(leave, STAY, job);
};

/* Nothing is pulled away from under a pointer, and no focus is lost. */
function leave(job) {
  const busy = document.querySelector("#jobs:hover, #jobs:focus-within");
  if (busy && jobs.has(job.id)) setTimeout(leave, 1000, job);
  else remove(job);
}

// --- network and session ---------------------------------------------------------------

let offline = null;

tell.held = (why) => {
  if (why === "offline" && active().length) {
    offline ??= toast({ kind: "bad", text: t("upload.say_offline"), glyph: "wifi-off" });
    setTimeout(again, ASK_AGAIN);
  } else if (why !== "offline" && offline) {
    dismiss(offline);
    offline = null;
  }
  if (why === "signed_out") say(t("upload.signed_out"));
  if (why === "renewing") recover();
};

addEventListener("offline", () => { if (active().length) hold("offline"); });
addEventListener("online", () => release("offline"));

/* A browser says offline of a computer that can still reach itself. */
async function again() {
  if (state.hold !== "offline") return;
  if (await renewed()) release("offline");
  else setTimeout(again, ASK_AGAIN);
}

let recovering = false;

/* Signed in again, probably in another tab: take its token and go on. */
async function recover() {
  if (recovering || !["signed_out", "renewing"].includes(state.hold)) return;
  recovering = true;
  const fine = await renewed();
  recovering = false;
  if (fine) release();
  else if (state.hold === "renewing") hold("signed_out");
}

/* Signed out, every request leads to the sign-in page. Not while files wait: they would be lost with this one. */
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (!active().length || !(xhr.status === 401 || isSignIn(xhr.responseURL))) return;
  event.preventDefault();
  const asked = requestConfig.triggeringEvent?.isTrusted;
  if (state.hold !== "signed_out") hold("signed_out");
  if (asked) toast({ kind: "bad", text: t("upload.signed_out"), action: { label: t("upload.sign_in"), run: signIn } });
});

const signIn = () => $("[data-sign-in]").click();
const isSignIn = (address) => address && new URL(address).pathname === $("[data-sign-in]").pathname;

addEventListener("focus", recover);
document.addEventListener("visibilitychange", recover);

/* Each page tells the other tabs that it was opened (app.js): this one may be waiting for a sign-in. */
new BroadcastChannel("stowage").onmessage = recover;

// --- buttons ---------------------------------------------------------------------------

const ROW = {
  retry: (job) => retry([job]),
  pause,
  resume,
  copy,
  cancel: remove,
  drop: remove,
};

const HEAD = { retry: () => retry(), fold: () => fold(), close, stop: stopped };

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-job], [data-dock]");
  if (!button) return;
  const row = button.closest(".job");
  const job = row && jobs.get(Number(row.id.slice("job-".length)));
  if (button.dataset.dock) HEAD[button.dataset.dock]();
  else if (job) ROW[button.dataset.job](job);
});

function copy(job) {
  const { link } = document.getElementById("uploads").dataset;
  const text = new URL(link.replace("{id}", job.stored.id), location.href).href;
  document.dispatchEvent(new CustomEvent("stowage:copy", { detail: { text } }));
}

/* While something is being sent, closing asks once. */
function close() {
  const count = active().length;
  if (!count) return stopped();
  const dialog = document.getElementById("uploads-stop");
  $("[data-what]", dialog).textContent = t("upload.stop_title", { count });
  return dialog.showModal();
}

function stopped() {
  document.getElementById("uploads-stop").close();
  clear();
  ($("[data-pick]") ?? document.getElementById("main"))?.focus({ preventScroll: true });
}

addEventListener("beforeunload", (event) => { if (active().length) event.preventDefault(); });

draw();
