/* What the platform does not give for free. No framework, no build step, no eval: each module listens on the
   document, so that parts swapped in by htmx need not be wired up. */
import "./js/requests.js";
import "./js/address.js";
import "./js/selection.js";
import "./js/panel.js";
import "./js/overlays.js";
import "./js/palette.js";
import "./js/keyboard.js";
import "./js/small.js";
import { t, toast } from "./js/core.js";
import { listen } from "./js/upload-sources.js";

/* Most visits upload nothing: the queue and the dock come with the first file. */
listen(async (files) => {
  const uploads = await import("./js/uploads.js").catch(() => null);
  if (uploads) uploads.start(files);
  else toast({ kind: "bad", text: t("js.offline") });
});

/* Settings are changed rarely: what helps with that comes with the form, which works without it. */
const settings = () => { if (document.getElementById("settings-form")) import("./js/settings.js").catch(() => {}); };
document.addEventListener("htmx:afterSettle", settings);
settings();

/* Another tab may be waiting until somebody has signed in. */
new BroadcastChannel("stowage").postMessage("opened");
