/* Why a file is not stored: found out before sending, from the answer, or from its absence. */

import { $$, csrf, has, size, t } from "./core.js";

const UNKNOWN = "application/octet-stream";
/* Sent again, it would be refused again. */
const FINAL = new Set([400, 403, 404, 405, 413, 415, 422]);
/* These say it of the sending, not of the file. */
const PASSING = new Set(["csrf_failed", "checksum_mismatch", "bad_request"]);

/** What the page says about uploads; null where the viewer may not upload. */
export function rules() {
  const found = document.getElementById("upload-config")?.dataset;
  if (!found) return null;
  const types = (found.types ?? "").split(",").map((type) => type.trim().toLowerCase()).filter(Boolean);
  return { url: found.url, types, most: Number(found.maxBytes) || Infinity };
}

/** Why this file need not be sent; empty where it may be. */
export function refusal(file, { most, types }) {
  if (file.size > most) return tooLarge(file, most);
  const type = file.type.split(";")[0].trim().toLowerCase();
  // Without a type the server looks at the name and at the bytes.
  if (!types.length || !type || type === UNKNOWN || types.some((allowed) => covers(allowed, type))) return "";
  return t("upload.refused_type", { content_type: type });
}

function covers(allowed, type) {
  if (allowed === type || allowed === "*/*" || allowed === "*") return true;
  return /\/\*?$/.test(allowed) && type.startsWith(allowed.replace(/\*$/, ""));
}

const tooLarge = (file, most) => t("upload.refused_size", { size: size(file.size), limit: size(most) });

/** What people read about an answer that was no success. */
export function reason(job, { status, code = "", problem = {} }) {
  if (status === 0) return t("upload.no_answer");
  // A plugin speaks for itself; its code may be one of ours tomorrow.
  if (problem.plugin && problem.detail) return problem.detail;
  if (code === "too_large" && problem.max_bytes) return tooLarge(job, problem.max_bytes);
  if (code === "bad_type" && problem.content_type) {
    return t("upload.refused_type", { content_type: problem.content_type });
  }
  if (code && has(`errors.${code}`)) return t(`errors.${code}`);
  return problem.detail || t("upload.no_reason", { status });
}

/** Whether it may work at another time. */
export const retryable = ({ status, code }) => PASSING.has(code) || !FINAL.has(status);

/** No answer came. What is it: no file any more, no session, no server, no network? */
export async function lost(job) {
  if (!(await readable(job.file))) return { do: "settle", next: "refused", note: t("upload.unreadable") };
  const { status } = await who();
  if (status === 401) return { do: "halt", why: "signed_out" };
  if (status > 0 && status < 500) return { do: "again", note: t("upload.broken_off") };
  return navigator.onLine ? { do: "outage" } : { do: "halt", why: "offline" };
}

/** A file that was moved, changed or is a folder fails like a broken connection. */
export async function readable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

let asking = null;

/** Who the server takes us for: {status, id}; status 0 without an answer. Who asks meanwhile gets the same. */
export function who() {
  asking ??= ask().finally(() => { asking = null; });
  return asking;
}

async function ask() {
  try {
    const answer = await get(document.getElementById("uploads").dataset.me, "application/json");
    return { status: answer.status, id: answer.ok ? (await answer.json()).id : null };
  } catch {
    return { status: 0, id: null };
  }
}

const get = (address, type) =>
  fetch(address, { headers: { Accept: type }, cache: "no-store", signal: AbortSignal.timeout(10_000) });

/** Whether the same person is signed in (again): their page brings the token that uploads carry from now on. */
export async function renewed() {
  try {
    const { user } = document.getElementById("uploads").dataset;
    const { id } = await who();
    if (!id || (user && id !== user)) return false;
    const page = new DOMParser().parseFromString(await (await get(location.href, "text/html")).text(), "text/html");
    return adopt(page.getElementById("csrf")?.dataset.token);
  } catch {
    return false;
  }
}

function adopt(token) {
  const here = document.getElementById("csrf");
  if (!token || !here) return false;
  // The forms of this page are from before, too.
  for (const field of $$('input[name="csrf_token"]')) if (field.value === csrf()) field.value = token;
  here.dataset.token = token;
  return true;
}
