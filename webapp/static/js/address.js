/* The address tells what is shown, whatever order answers come in. */
import { $ } from "./core.js";

/* Leaving the search box is a change, too: what was typed is asked for already. */
document.addEventListener("change", (event) => { if (event.target.id === "q") event.stopPropagation(); }, true);

document.addEventListener("htmx:beforeSwap", (event) => {
  const { boosted, requestConfig, xhr, pathInfo } = event.detail;
  if (!boosted) return;
  // Another page comes: the list of this one is not waited for any more.
  const filters = $("#filters");
  if (filters) window.htmx.trigger(filters, "htmx:abort");
  // A list that came meanwhile took the link with it, and with that what htmx knew about it.
  const gone = !requestConfig.elt.isConnected && requestConfig.verb === "get" && xhr.status < 400;
  if (gone) history.pushState({ htmx: true }, "", pathInfo.responsePath || pathInfo.finalRequestPath);
});
