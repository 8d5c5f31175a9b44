/* What the platform does not give for free. No framework, no build step, no eval: each module listens on the
   document, so that parts swapped in by htmx need not be wired up. */
import "./js/uploads.js";
import "./js/requests.js";
import "./js/selection.js";
import "./js/panel.js";
import "./js/overlays.js";
import "./js/palette.js";
import "./js/keyboard.js";
import "./js/small.js";
