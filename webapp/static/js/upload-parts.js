/* The parts of a file on their way to the store: slices of it, a few at a time, each sent again if need be.

   Many files may be on their way at once: all of them together have these few connections, since
   a browser has hardly more for one host, and a request that waits for one looks like a dead one. */

import { STALLED, watchdog } from "./upload-transport.js";

const AT_ONCE = 4;
const AGAIN = [1000, 2000, 4000, 8000];
/* The first sign of life of a store that nobody reached yet. */
const UNREACHED = 20_000;

let free = AT_ONCE;
const waiting = [];
let reached = false;

/** What the store answered to a part, in the end: its status, or 0; `reached` is whether any part ever got through. */
export class PartError extends Error {
  constructor(status) {
    super(`part: ${status}`);
    Object.assign(this, { status, reached });
  }
}

/** Send all parts of these numbers. `sizes` and `blob` give a part, `url` a fresh address, `moved` hears of bytes.

   Throws a PartError, what `url` throws, or the reason of `signal`; by then nothing is on its way any more. */
export async function sendAll(numbers, work, signal) {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const one = async () => {
    for (let number = numbers.shift(); number; number = numbers.shift()) await sendOne(number, work, either);
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  } catch (why) {
    failed.abort();
    throw why;
  }
}

async function sendOne(number, work, signal) {
  for (const pause of [...AGAIN, null]) {
    const status = await attempt(number, work, signal);
    if (status >= 200 && status < 300) {
      reached = true;
      return work.sent(number);
    }
    work.moved(number, 0);
    // No such upload: no address for it will ever work. And what does not get there at all needs no patience.
    if (pause === null || status === 404 || !(status || reached)) throw new PartError(status);
    await sleep(pause * (0.75 + Math.random() / 2), signal);
  }
}

async function attempt(number, work, signal) {
  await turn(signal);
  try {
    // Asked for anew each time: the address may have been what was wrong.
    const url = await work.url(number);
    signal.throwIfAborted();
    return await put(url, work.blob(number), signal, (bytes) => work.moved(number, bytes));
  } finally {
    next();
  }
}

/* The status of the answer; 0 where none came. */
function put(url, blob, signal, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const over = () => {
      guard.end();
      signal.removeEventListener("abort", stop);
      request.onload = request.onerror = request.upload.onprogress = null;
    };
    const stop = () => { over(); request.abort(); reject(signal.reason); };
    const guard = watchdog(() => { over(); request.abort(); resolve(0); });
    request.open("PUT", url);
    request.upload.onprogress = ({ loaded }) => { guard.wait(STALLED); progress(loaded); };
    request.onload = () => { over(); resolve(request.status); };
    request.onerror = () => { over(); resolve(0); };
    signal.addEventListener("abort", stop);
    guard.wait(reached ? STALLED : UNREACHED);
    request.send(blob);
  });
}

// --- taking turns --------------------------------------------------------------------

async function turn(signal) {
  if (free > 0) free -= 1;
  else await new Promise((go) => waiting.push(go));
  if (!signal.aborted) return;
  next();
  throw signal.reason;
}

function next() {
  const go = waiting.shift();
  if (go) go();
  else free += 1;
}

function sleep(time, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => { clearTimeout(timer); reject(signal.reason); };
    const timer = setTimeout(() => { signal.removeEventListener("abort", stop); resolve(); }, time);
    signal.addEventListener("abort", stop);
  });
}
