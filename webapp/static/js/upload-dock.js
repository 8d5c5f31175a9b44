/* The dock: what the queue does, as people see it. It only reads the queue.

   Drawn at once, but at most ten times a second, and four times while bytes move. However
   many files there are, at most MOST_ROWS of them have a row. */

import { $, duration, icon, number, size, t } from "./core.js";
import { active, batch, canPause, canResume, isActive, jobs, progress, state, those } from "./upload-queue.js";
import { glyph, halves } from "./upload-names.js";

const MOST_ROWS = 60;
const TICK = 250;
const PAUSE = 100;
/* Which of too many are shown. Done ones make room first. */
const RANK = {
  sending: 0, checking: 0, error: 1, refused: 1, resumable: 1, conflict: 1, paused: 2, queued: 2, done: 3,
};
const FAILED = ["error", "refused"];

const dock = () => document.getElementById("uploads");
const rows = new Map();
let drawn = null;
let last = 0;
let coming = false;
let ticking = 0;

/** Draw soon: `job`, or everything. */
export function draw(job = null) {
  const row = rows.get(job);
  if (row) row.stale = true;
  if (coming) return;
  coming = true;
  const wait = last + PAUSE - performance.now();
  if (wait > 0) setTimeout(requestAnimationFrame, wait, now);
  else requestAnimationFrame(now);
}

function now() {
  coming = false;
  last = performance.now();
  const host = dock();
  if (!host) return;
  // Another page without the old dock: its rows are gone with it.
  if (host !== drawn) { rows.clear(); drawn = host; }
  if (jobs.size && host.hidden) open(host);
  if (!jobs.size && host.contains(document.activeElement)) document.getElementById("main")?.focus();
  host.hidden = !jobs.size;
  head(host);
  list(host);
  // Something moves, or a moment is being waited for.
  const busy = active().length > 0 && (!state.hold || state.until > 0);
  if (busy) ticking ||= setInterval(draw, TICK);
  else ticking = clearInterval(ticking) ?? 0;
}

/* On phones it would hide the list: there it starts folded. */
function open(host) {
  fold(host, matchMedia("(max-width: 54rem)").matches);
}

export function fold(host = dock(), folded = !$("[data-list]", host).hidden) {
  $("[data-list]", host).hidden = folded;
  $("[data-dock=fold]", host).setAttribute("aria-expanded", String(!folded));
}

// --- head --------------------------------------------------------------------------

function head(host) {
  const failed = those(...FAILED).length;
  const going = active().length;
  const { all, gone, left } = progress();
  write($("[data-title]", host), title(going, failed));
  write($("[data-sub]", host), subtitle(going, failed, left));
  offer(host, "[data-dock=retry]", those("error").length > 0 || state.hold === "stopped");
  offer(host, "[data-sign-in]", state.hold === "signed_out");
  const bar = $("[data-total]", host);
  bar.value = all ? (100 * gone) / all : 0;
  bar.className = `bar${failed || state.hold === "stopped" ? " bar-bad" : ""}`;
}

/* A button that goes away leaves its focus to one that stays. */
function offer(host, name, visible) {
  const control = $(name, host);
  if (!visible && control === document.activeElement) $("[data-dock=fold]", host).focus();
  show(control, visible);
}

function title(going, failed) {
  const still = going && active().every((job) => job.state === "paused");
  if (still || ["offline", "signed_out", "renewing"].includes(state.hold)) return t("upload.title_paused");
  if (going && state.hold !== "stopped") return t("upload.title_going", { count: going });
  if (failed) return t("upload.title_failed", { count: failed });
  return t("upload.title_done", { count: batch.done });
}

function subtitle(going, failed, left) {
  const parts = [held() || t("upload.done_of", { done: number(batch.done), total: number(batch.count) })];
  if (going && !state.hold) {
    if (left) parts.push(t("upload.bytes_left", { size: size(left) }));
    const seconds = batch.meter.left(left, performance.now());
    if (seconds !== null && left) parts.push(t("upload.about", { time: duration(seconds) }));
  }
  if (failed && going && state.hold !== "stopped") parts.push(t("upload.failed", { count: failed }));
  return parts.join(" · ");
}

/* Why nothing moves. */
function held() {
  const seconds = duration((state.until - Date.now()) / 1000);
  switch (state.hold) {
    case "offline": return t("upload.offline");
    case "signed_out": return t("upload.signed_out");
    case "line": return t("upload.no_line", { time: seconds });
    case "slow": return t("upload.slow", { time: seconds });
    case "stopped": return t("upload.stopped");
    default: return "";
  }
}

// --- rows --------------------------------------------------------------------------

/* Stored ones go to the end: those that still need something are seen first. */
const place = (job) => (job.state === "done" ? 1 : 0);

function chosen() {
  const ranks = [[], [], [], []];
  for (const job of jobs.values()) if (ranks[RANK[job.state]].length < MOST_ROWS) ranks[RANK[job.state]].push(job);
  return ranks.flat().slice(0, MOST_ROWS).sort((a, b) => place(a) - place(b) || a.id - b.id);
}

function list(host) {
  const ul = $("[data-list]", host);
  const wanted = chosen();
  const focused = ul.contains(document.activeElement) ? document.activeElement : null;
  const beside = focused?.closest(".job")?.nextElementSibling;
  arrange(ul, wanted);
  for (const job of wanted) {
    const row = rows.get(job);
    if (row.stale || job.state === "sending" || job.after) paint(row, job);
    row.stale = false;
  }
  const more = $(".job-more", ul);
  show(more, jobs.size > wanted.length);
  if (!more.hidden) write(more, t("upload.more_rows", { count: jobs.size - wanted.length }));
  if (focused && document.activeElement !== focused) refocus(host, focused, beside);
}

function arrange(ul, wanted) {
  const kept = new Set(wanted);
  for (const [job, row] of rows) {
    // Taken out and put in again: rows between two places need not move.
    if (kept.has(job) && row.place === place(job)) continue;
    row.element.remove();
    if (!kept.has(job)) rows.delete(job);
  }
  let at = ul.firstElementChild;
  for (const job of wanted) {
    const { element } = rows.get(job) ?? made(job);
    if (element === at) at = at.nextElementSibling;
    else ul.insertBefore(element, at);
    rows.get(job).place = place(job);
  }
}

/* What had focus was moved, hidden or removed: back to it, or to what is next to it. */
function refocus(host, focused, beside) {
  const near = (element) => (element?.isConnected ? $("button:not([hidden])", element) : null);
  const own = focused.isConnected && !focused.hidden && !focused.closest("[hidden]") ? focused : null;
  const target = own ?? near(focused.closest(".job")) ?? near(beside) ?? $("[data-list]", host);
  target.focus({ preventScroll: true });
}

function made(job) {
  const element = document.getElementById("t-job").content.firstElementChild.cloneNode(true);
  const { family, name } = glyph(job);
  element.id = `job-${job.id}`;
  $(".tile", element).classList.add(`t-${family}`);
  icon($(".tile svg", element), name);
  const label = $(".mid", element);
  label.title = job.name;
  const [first, last] = halves(job.name);
  label.firstElementChild.textContent = first;
  if (last) label.lastElementChild.textContent = last;
  else label.lastElementChild.remove();
  $(".bar", element).setAttribute("aria-label", job.name);
  const row = { element, place: place(job), stale: true };
  rows.set(job, row);
  return row;
}

function paint({ element }, job) {
  element.dataset.state = job.state;
  const bar = $(".bar", element);
  show(bar, isActive(job));
  bar.value = job.size ? (100 * job.sent) / job.size : 0;
  if (job.state === "checking") bar.value = 100;
  bar.classList.toggle("bar-mute", job.state === "paused");
  const [left, right] = line(job);
  const pair = $(".job-line", element);
  show(pair, Boolean(left));
  write(pair.firstElementChild, left);
  write(pair.lastElementChild, right);
  const note = $(".job-note", element);
  const text = job.state === "done" ? t("upload.stored", { size: size(job.size) }) : job.note;
  show(note, Boolean(text));
  write(note, text);
  note.className = `job-note ${job.state === "done" ? "ok" : "bad"}`;
  acts(element, job);
}

/* The line under the bar: what is done, and how it goes. */
function line(job) {
  switch (job.state) {
    case "queued": return [waiting(job), size(job.size)];
    case "sending": return [t("upload.sent_of", { sent: size(job.sent), size: size(job.size) }), speed(job)];
    case "checking": return [t("upload.checking"), size(job.size)];
    case "paused": return [t("upload.paused"), size(job.size)];
    default: return ["", ""];
  }
}

function waiting({ after }) {
  const left = after - Date.now();
  return left > 0 ? t("upload.again", { time: duration(left / 1000) }) : t("upload.waiting");
}

function speed(job) {
  const time = performance.now();
  const rate = Math.round(job.meter.rate(time));
  if (!rate) return "";
  const left = job.meter.left(job.size - job.sent, time);
  const parts = [t("upload.speed", { size: size(rate) })];
  if (left !== null) parts.push(t("upload.time_left", { time: duration(left) }));
  return parts.join(" · ");
}

/* Which buttons the row has, by state and by what the transport can. */
function acts(element, job) {
  const stoppable = isActive(job) && job.state !== "checking";
  const wanted = {
    retry: job.state === "error" && "upload.retry",
    pause: canPause(job) && "upload.pause",
    resume: canResume(job) && "upload.resume",
    copy: job.state === "done" && "upload.copy",
    cancel: stoppable && "upload.cancel",
    drop: !isActive(job) && "upload.drop_row",
  };
  for (const [act, key] of Object.entries(wanted)) {
    const button = $(`[data-job=${act}]`, element);
    show(button, Boolean(key));
    if (!key || button.title) continue;
    button.title = t(key);
    button.setAttribute("aria-label", t("upload.act_on", { act: t(key), name: job.name }));
  }
}

// --- elements ------------------------------------------------------------------------

function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
