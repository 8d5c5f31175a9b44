/* Which file goes next, and what becomes of each. Knows nothing of how it looks.

   States of a job: queued, sending, checking, done, paused, error (can be tried again),
   refused (cannot). `resumable` and `conflict` are for transports that know them. A job is
   `paused` by somebody (`byHand`) or because the whole queue is.

   The whole queue can be on hold: `offline`, `signed_out`, `renewing` (a new token is being
   fetched), `line` (the server does not answer, tried again at `until`), `slow` (asked to
   wait until then), `stopped` (given up). */

import { Meter } from "./upload-meter.js";
import { lost, reason, refusal, retryable, rules } from "./upload-reasons.js";
import { transport } from "./upload-transport.js";

const AT_ONCE = 4;
const PATIENCE = [1000, 2000, 4000];
const SLOW = 10_000;
const ACTIVE = new Set(["queued", "sending", "checking", "paused"]);
const PAUSING = new Set(["offline", "signed_out", "renewing"]);

/** All jobs whose row is not gone yet, by number, in the order they came. */
export const jobs = new Map();
/** What this batch has been so far; begins anew when nothing is left. */
export const batch = { count: 0, done: 0, bytes: 0, moved: 0, meter: new Meter() };
export const state = { hold: null, until: 0 };
/** Set by who wants to know. */
export const tell = { changed() {}, stored() {}, failed() {}, held() {} };

let numbers = 0;
let running = 0;
let outages = 0;
let timer = 0;

export const isActive = (job) => ACTIVE.has(job.state);
export const active = () => [...jobs.values()].filter(isActive);
export const those = (...states) => [...jobs.values()].filter((job) => states.includes(job.state));

/** Take files in; returns their jobs. None where uploads are not allowed. */
export function add(files) {
  const limits = rules();
  if (!limits) return [];
  const added = files.map((file) => made(file, limits));
  for (const job of added) jobs.set(job.id, job);
  batch.count += added.length;
  tell.changed();
  for (const job of added) if (job.state === "refused") tell.failed(job);
  // Whoever adds files to a queue that has given up wants it to go on.
  if (state.hold === "stopped") anew();
  pump();
  return added;
}

function made(file, limits) {
  const why = refusal(file, limits);
  numbers += 1;
  return {
    id: numbers, file, name: file.name, size: file.size, type: file.type, url: limits.url, key: newKey(),
    state: why ? "refused" : waiting(), note: why, sent: 0, tries: 0, after: 0, meter: new Meter(),
    handle: null, stored: null, renewed: false, byHand: false, parts: null, kept: 0, gone: false,
  };
}

/* crypto.randomUUID is missing on plain http from another machine. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/* What waits in a queue that cannot go on by itself is paused. */
const waiting = () => (PAUSING.has(state.hold) ? "paused" : "queued");

// --- one after the other ---------------------------------------------------------

/** Start what may start. */
export function pump() {
  clearTimeout(timer);
  const now = Date.now();
  if (state.hold && !(state.until && state.until <= now)) return wake(state.until);
  if (state.hold) release();
  // After an outage one goes ahead: the others need not find out by themselves.
  const most = outages ? 1 : AT_ONCE;
  let soonest = 0;
  for (const job of jobs.values()) {
    if (running >= most) break;
    if (job.state !== "queued") continue;
    if (job.after <= now) send(job);
    else soonest = Math.min(soonest || job.after, job.after);
  }
  wake(soonest);
}

function wake(moment) {
  if (moment) timer = setTimeout(pump, Math.max(0, moment - Date.now()));
}

function send(job) {
  running += 1;
  become(job, "sending");
  job.sent = job.kept;
  job.meter = new Meter();
  const mine = (act) => (value) => { if (job.handle === handle) act(job, value); };
  const handle = {};
  job.handle = handle;
  Object.assign(handle, transport.start(job, {
    progress: mine(progressed), sent: mine(checking), stored: mine(stored), failed: mine(failed),
  }));
}

function progressed(job, bytes) {
  const now = performance.now();
  batch.moved += Math.max(0, bytes - job.sent);
  job.sent = bytes;
  job.meter.add(bytes, now);
  batch.meter.add(batch.moved, now);
}

function checking(job) {
  progressed(job, job.size);
  become(job, "checking");
}

function stored(job, file) {
  ended(job);
  outages = 0;
  job.stored = file;
  job.file = null; // the browser may let go of it
  batch.done += 1;
  batch.bytes += job.size;
  become(job, "done");
  tell.stored(job);
  pump();
}

function ended(job) {
  if (job.handle) running -= 1;
  job.handle = null;
}

function become(job, next, note = "") {
  job.state = next;
  job.note = note;
  tell.changed(job);
}

// --- when it fails -----------------------------------------------------------------

async function failed(job, failure) {
  ended(job);
  const verdict = failure.status === 0 ? await lost(job) : known(job, failure);
  // While the cause was looked for, it may have been cancelled, paused, or begun anew.
  if (jobs.get(job.id) !== job || job.handle || !["sending", "checking"].includes(job.state)) return;
  ({ again, halt, later, outage, settle })[verdict.do](job, verdict);
  pump();
}

function known(job, failure) {
  const { status, code, wait } = failure;
  if (status === 401) return { do: "halt", why: "signed_out" };
  // The server is there: it is a check that cannot be made, of this file and perhaps not of the next.
  if (code === "check_failed") return { do: "settle", next: "error", note: reason(job, failure) };
  if (status === 429 || (status === 503 && wait)) return { do: "later", wait: wait || SLOW };
  if (status >= 502 && status <= 504) return { do: "outage" };
  if (code === "csrf_failed" && !job.renewed) return { do: "halt", why: "renewing" };
  return { do: "settle", next: retryable(failure) ? "error" : "refused", note: reason(job, failure) };
}

/* Into the queue again, from what is kept of it on: mostly the first byte. */
function back(job, next = waiting()) {
  job.sent = job.kept;
  become(job, next);
}

function halt(job, { why }) {
  job.renewed ||= why === "renewing";
  back(job);
  if (!PAUSING.has(state.hold)) hold(why);
}

function later(job, { wait }) {
  back(job);
  if (!PAUSING.has(state.hold)) hold("slow", Date.now() + wait);
}

/* The server is there, this one connection broke. */
function again(job, { note }) {
  job.tries += 1;
  if (job.tries > PATIENCE.length) return settle(job, { next: "error", note });
  job.after = Date.now() + PATIENCE[job.tries - 1];
  return back(job);
}

/* The server is not there. Those that fail meanwhile count as the same outage. */
function outage(job) {
  job.tries += 1;
  back(job);
  if (!state.hold) outages += 1;
  if (outages > PATIENCE.length) giveUp();
  else if (!state.hold) hold("line", Date.now() + PATIENCE[outages - 1]);
}

function giveUp() {
  if (!state.hold) hold("stopped");
  const note = reason(null, { status: 0 });
  for (const job of those("queued")) if (job.tries) settle(job, { next: "error", note });
}

function settle(job, { next, note }) {
  become(job, next, note);
  tell.failed(job);
}

// --- hold and release ----------------------------------------------------------------

/** Let nothing start. Offline and signed out, nothing can go on either. */
export function hold(why, until = 0) {
  const news = state.hold !== why;
  Object.assign(state, { hold: why, until });
  if (PAUSING.has(why)) for (const job of those("queued", "sending")) rest(job, "paused");
  tell.changed();
  if (news) tell.held(why);
  wake(until);
}

function rest(job, next) {
  job.handle?.cancel();
  ended(job);
  back(job, next);
}

/** Go on, if it is (still) this that holds. */
export function release(why = state.hold) {
  if (!state.hold || state.hold !== why) return;
  Object.assign(state, { hold: null, until: 0 });
  for (const job of those("paused")) {
    if (job.byHand) continue;
    job.tries = job.after = 0;
    become(job, "queued");
  }
  tell.changed();
  tell.held(null);
  pump();
}

// --- what people ask for ---------------------------------------------------------------

/** Try these again, or all that can be. */
export function retry(list = those("error")) {
  for (const job of list) {
    if (job.state !== "error") continue;
    job.tries = job.after = 0;
    job.renewed = false;
    back(job);
  }
  if (["stopped", "line"].includes(state.hold)) anew();
  pump();
}

function anew() {
  outages = 0;
  release();
}

/** Whether this one can stop for a while: what has arrived of it stays where it is. */
export const canPause = (job) => job.state === "sending" && Boolean(job.parts);
export const canResume = (job) => job.state === "paused" && job.byHand;

/** Let this one stop until somebody wants it to go on. */
export function pause(job) {
  if (!canPause(job)) return;
  job.byHand = true;
  rest(job, "paused");
  pump();
}

/** Let it go on. */
export function resume(job) {
  if (!canResume(job)) return;
  job.byHand = false;
  back(job);
  pump();
}

/** Stop this one and forget it. What the server checks already cannot be called back. */
export function remove(job) {
  if (!jobs.delete(job.id)) return;
  drop(job);
  // Given up or refused: it does not count. Stored: it does, though its row is gone.
  if (job.state !== "done") batch.count -= 1;
  if (!jobs.size) reset();
  tell.changed();
  pump();
}

function drop(job) {
  job.handle?.cancel();
  ended(job);
  transport.drop(job);
}

/** Stop and forget everything. */
export function clear() {
  for (const job of jobs.values()) drop(job);
  jobs.clear();
  reset();
  tell.changed();
}

function reset() {
  Object.assign(batch, { count: 0, done: 0, bytes: 0, moved: 0, meter: new Meter() });
  Object.assign(state, { hold: state.hold === "offline" ? "offline" : null, until: 0 });
  outages = 0;
}

/** How many bytes go, went and are still to go: each file weighs one more, so that empty ones count. */
export function progress() {
  let [all, gone] = [batch.bytes + batch.done, batch.bytes + batch.done];
  let left = 0;
  for (const job of jobs.values()) {
    if (job.state === "done" || job.state === "refused") continue;
    all += job.size + 1;
    gone += job.sent;
    if (isActive(job)) left += job.size - job.sent;
  }
  return { all, gone, left };
}
