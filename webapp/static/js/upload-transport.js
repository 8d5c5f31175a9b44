/* How the bytes of one file get to the server. The queue knows only this shape, so that
   another way (in parts that can be resumed) may take its place:

   start(job, tell) → {cancel, pause?, resume?}
     tell.progress(bytes)   so many bytes have left
     tell.sent()            all have; the server checks and stores
     tell.stored(file)      the answer, a StoredFileOut
     tell.failed(failure)   {status, code, problem, wait}; status 0: no answer came

   After `cancel` nothing is told any more. */

import { csrf } from "./core.js";

const STALLED = 60_000;
const UNANSWERED = 300_000;

export const transport = { start };

function start(job, tell) {
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

/* Retry-After in milliseconds: seconds or a date (RFC 9110, 10.2.3). */
function waiting(request) {
  const said = request.getResponseHeader("Retry-After");
  if (!said) return 0;
  const seconds = /^\d+$/.test(said) ? Number(said) : (Date.parse(said) - Date.now()) / 1000;
  return Math.max(1, seconds || 0) * 1000;
}

/* A connection may end without a word: whoever waits for too long gives up. */
function watchdog(bark) {
  let timer = 0;
  const end = () => clearTimeout(timer);
  return { end, wait: (time) => { end(); timer = setTimeout(bark, time); } };
}
