/* A large file goes straight to the store, in parts, over addresses that the server signs: begin, send, complete.

   What has arrived stays there until the upload is dropped (`job.parts`), so whatever stops it, a pause, a lost
   connection, a session that ended, it goes on from there. What goes wrong is told in the queue's own terms. */

import { csrf } from "./core.js";
import { PartError, sendAll } from "./upload-parts.js";
import { readable, who } from "./upload-reasons.js";
import { UNANSWERED, patience } from "./upload-transport.js";

const ASKED = 60_000;
const AT_A_TIME = 12;
/* They work for 15 minutes, as long as a part begins in time. */
const FRESH = 10 * 60_000;

/** As transport.start; `tell.unable()` is for what cannot go this way at all. */
export function start(job, tell) {
  const stop = new AbortController();
  const { signal } = stop;
  run(job, tell, signal).catch(async (why) => {
    const act = signal.aborted ? null : await verdict(job, tell, why);
    if (!signal.aborted) act();
  });
  return { cancel: () => stop.abort() };
}

async function run(job, tell, signal) {
  if (!job.parts) await begin(job, signal);
  const { parts } = job;
  const moving = new Map();
  const told = () => tell.progress([...moving.values()].reduce((all, bytes) => all + bytes, job.kept));
  told();
  await sendAll(parts.missing(), {
    url: (number) => parts.url(number, signal),
    blob: (number) => job.file.slice(...parts.range(number)),
    moved(number, bytes) { moving.set(number, bytes); told(); },
    sent(number) { moving.delete(number); parts.arrived(number); told(); },
  }, signal);
  tell.sent();
  tell.stored(await parts.complete(signal));
}

/* Not stopped with the rest: what was begun and is forgotten would lie in the store for a day. */
async function begin(job, signal) {
  const wanted = { filename: job.name, size_bytes: job.size, content_type: job.type || null };
  const { direct, directOrigin } = document.getElementById("uploads").dataset;
  const parts = new Parts(job, direct, directOrigin, await ask("POST", direct, wanted));
  if (job.parts || job.gone) parts.drop();
  else job.parts = parts;
  signal.throwIfAborted();
}

// --- what went wrong -------------------------------------------------------------------

class Unable extends Error {}

class Refusal extends Error {
  constructor(failure) {
    super(`${failure.status} ${failure.code}`);
    this.failure = failure;
  }
}

const NO_ANSWER = { status: 0, code: "", problem: {}, wait: 0 };

/* What to do about it. The queue tries again what got no answer; by then the reason is out of the way. */
async function verdict(job, tell, why) {
  if (why instanceof Unable) return tell.unable;
  if (why instanceof PartError) return part(job, tell, why);
  const { failure } = why;
  if (!failure) {
    reportError(why);
    return () => tell.failed({ ...NO_ANSWER, status: 500 });
  }
  if (failure.code === "direct_upload_unsupported") return tell.unable;
  if (failure.status === 404) job.parts?.forget(); // expired: from the first byte on
  else if (!failure.problem.missing) return () => tell.failed(failure);
  else job.parts?.lost(failure.problem.missing);
  return () => tell.failed(NO_ANSWER);
}

async function part(job, tell, { status, reached }) {
  job.parts?.failed();
  if (status === 404) job.parts?.forget();
  else if (status) return () => tell.failed({ ...NO_ANSWER, status: 500, code: "backend_error" });
  // The server answers, the store never did: it is not for browsers, or not from here.
  else if (!reached && (await readable(job.file)) && (await who()).status === 200) return tell.unable;
  return () => tell.failed(NO_ANSWER);
}

// --- what the server knows of it ---------------------------------------------------------

/* Uploads that would be left behind with the page. */
const left = new Set();
addEventListener("pagehide", () => { for (const parts of [...left]) parts.drop(); });

class Parts {
  #job;
  #address;
  #origin;
  #size;
  #count;
  #done = new Set();
  #vain = 0;
  #urls = new Map();
  #asking = null;
  #asker = null;
  #completing = false;

  constructor(job, root, origin, { id, part_size: size, parts: count }) {
    this.#job = job;
    this.#address = `${root}/${id}`;
    this.#origin = origin;
    this.#size = size;
    this.#count = count;
    left.add(this);
  }

  range(number) {
    return [(number - 1) * this.#size, Math.min(number * this.#size, this.#job.size)];
  }

  missing() {
    return Array.from({ length: this.#count }, (_, at) => at + 1).filter((number) => !this.#done.has(number));
  }

  arrived(number) {
    this.#vain = 0;
    this.#done.add(number);
    this.#kept();
  }

  /* A store need not let pages read its refusals: what it has forgotten looks like a line that is dead for good. */
  failed() {
    this.#vain += 1;
    if (this.#vain > 1) this.drop();
  }

  lost(numbers) {
    for (const number of numbers) this.#done.delete(number);
    this.#kept();
  }

  #kept() {
    const bytes = (number) => { const [from, to] = this.range(number); return to - from; };
    this.#job.kept = [...this.#done].reduce((all, number) => all + bytes(number), 0);
  }

  /** The address of a part, good for one try. */
  async url(number, signal) {
    // What the run before asked for ended with it.
    if (this.#asker !== signal) [this.#asker, this.#asking] = [signal, null];
    while (!(this.#urls.get(number)?.until > Date.now())) {
      this.#asking ??= this.#more(number, signal).finally(() => { this.#asking = null; });
      await this.#asking;
    }
    const { url } = this.#urls.get(number);
    this.#urls.delete(number);
    return url;
  }

  async #more(first, signal) {
    const numbers = [first, ...this.missing().filter((number) => number > first)].slice(0, AT_A_TIME);
    const until = Date.now() + FRESH;
    const { urls } = await ask("POST", `${this.#address}/urls`, { numbers }, signal);
    for (const { number, url } of urls) {
      // The policy of this page lets nothing go elsewhere.
      if (new URL(url).origin !== this.#origin) throw new Unable(url);
      this.#urls.set(number, { url, until });
    }
  }

  /** The stored file. Asked again, the server says the same. */
  async complete(signal) {
    this.#completing = true;
    try {
      const file = await ask("POST", `${this.#address}/complete`, null, signal, UNANSWERED);
      this.forget();
      return file;
    } finally {
      this.#completing = false;
    }
  }

  forget() {
    left.delete(this);
    if (this.#job.parts === this) Object.assign(this.#job, { parts: null, kept: 0 });
  }

  /** Throw away what the store has. What is being completed cannot be called back. */
  drop() {
    this.forget();
    if (!this.#completing) ask("DELETE", this.#address).catch(() => {});
  }
}

/* Throws a Refusal with what the queue needs to know, and the reason of `signal`. */
async function ask(method, address, body = null, signal = null, time = ASKED) {
  const headers = { Accept: "application/json", "X-CSRFToken": csrf() };
  if (body) headers["Content-Type"] = "application/json";
  const limits = [AbortSignal.timeout(time), ...(signal ? [signal] : [])];
  let answer;
  let said;
  try {
    const options = { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.any(limits) };
    answer = await fetch(address, { ...options, keepalive: method === "DELETE" });
    said = answer.status === 204 ? {} : await answer.json();
  } catch {
    signal?.throwIfAborted();
    // What is no JSON is no answer of ours, but a proxy's page.
    if (!answer || answer.ok) throw new Refusal(NO_ANSWER);
    said = {};
  }
  if (answer.ok) return said;
  const wait = patience(answer.headers.get("Retry-After"));
  throw new Refusal({ status: answer.status, code: said.code ?? "", problem: said, wait });
}
