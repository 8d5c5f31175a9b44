/* How the bytes of one file get to the server. The queue knows only this shape:

   start(job, tell) → {cancel}    stops; what the server has by then is kept for another start
     tell.progress(bytes)   so many bytes have left
     tell.sent()            all have; the server checks and stores
     tell.stored(file)      the answer, a StoredFileOut
     tell.failed(failure)   {status, code, problem, wait}; status 0: no answer came
   drop(job)                throws away what the server keeps of it

   After `cancel` nothing is told any more. There are two ways: through the application, in one
   request, and straight to the store, in parts (upload-direct.js), where the page offers that and
   the file is worth it. `job.parts` is what is there of the second way: with it, a job can pause. */

import { csrf } from "./core.js";

export const STALLED = 60_000;
export const UNANSWERED = 300_000;

export const transport = {
  start(job, tell) {
    if (offered(job)) return straight(job, tell);
    job.parts?.drop();
    return whole(job, tell);
  },
  drop(job) {
    job.gone = true;
    job.parts?.drop();
  },
};

/* What the store did not take once, it is not asked again on this page. */
let refused = false;

/* Said by the page that was loaded, not by those swapped in since: its policy is the one that counts. */
function offered(job) {
  const { direct, directFrom } = document.getElementById("uploads").dataset;
  return !refused && Boolean(direct) && job.size >= Number(directFrom);
}

/* Most uploads are small: the other way comes with the first one that is not. */
function straight(job, tell) {
  let stopped = false;
  let current = null;
  const through = () => { if (!stopped) current = whole(job, tell); };
  const unable = () => {
    refused = true;
    job.parts?.drop();
    tell.progress(0);
    through();
  };
  const begin = (way) => { if (!stopped) current = way.start(job, { ...tell, unable }); };
  import("./upload-direct.js").then(begin, through);
  return { cancel: () => { stopped = true; current?.cancel(); } };
}

function whole(job, tell) {
  const request = new XMLHttpRequest();
  const guard = watchdog(() => { request.abort(); tell.failed({ status: 0, code: "", problem: {}, wait: 0 }); });
  request.open("POST", job.url);
  request.responseType = "text";
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRFToken", csrf());
  // An answer that got lost is found again by it: a second try stores nothing twice.
  request.setRequestHeader("Idempotency-Key", job.key);
  request.upload.onprogress = ({ loaded, total }) => {
    guard.wait(STALLED);
    // What the form adds around the file is no part of it.
    tell.progress(Math.max(0, Math.min(job.size, loaded - Math.max(0, total - job.size))));
  };
  request.upload.onload = () => { guard.wait(UNANSWERED); tell.sent(); };
  request.onload = () => { guard.end(); answered(request, tell); };
  request.onerror = () => { guard.end(); tell.failed({ status: 0, code: "", problem: {}, wait: 0 }); };
  const form = new FormData();
  form.append("file", job.file, job.name);
  guard.wait(STALLED);
  request.send(form);
  return { cancel: () => { guard.end(); request.onload = request.onerror = null; request.abort(); } };
}

function answered(request, tell) {
  const answer = parsed(request.responseText);
  if (request.status >= 200 && request.status < 300 && answer.id) tell.stored(answer);
  else tell.failed({ status: request.status, code: answer.code ?? "", problem: answer, wait: waiting(request) });
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {}; // a proxy's page
  }
}

const waiting = (request) => patience(request.getResponseHeader("Retry-After"));

/** Retry-After in milliseconds: seconds or a date (RFC 9110, 10.2.3). */
export function patience(said) {
  if (!said) return 0;
  const seconds = /^\d+$/.test(said) ? Number(said) : (Date.parse(said) - Date.now()) / 1000;
  return Math.max(1, seconds || 0) * 1000;
}

/** A connection may end without a word: whoever waits for too long gives up. */
export function watchdog(bark) {
  let timer = 0;
  const end = () => clearTimeout(timer);
  return { end, wait: (time) => { end(); timer = setTimeout(bark, time); } };
}
