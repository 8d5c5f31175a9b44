/* Bytes per second, as the average of the last five. */

const WINDOW = 5000;
const EARLY = 3000;

export class Meter {
  #samples = [];
  #began = 0;

  /** So many bytes were through at this time (of performance.now()). */
  add(bytes, now) {
    let last = this.#samples.at(-1);
    if (last && now - last.now > WINDOW) { this.#samples = []; last = null; }
    if (!last) this.#began = now;
    // Many events come at once: ten samples a second are enough.
    if (last && now - last.now < 100) Object.assign(last, { bytes });
    else this.#samples.push({ bytes, now });
    while (this.#samples.length > 2 && this.#samples[1].now < now - WINDOW) this.#samples.shift();
  }

  /** Bytes per second; 0 where nothing is known or nothing moves. */
  rate(now) {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (!first || last === first || now - last.now > WINDOW) return 0;
    return ((last.bytes - first.bytes) * 1000) / (now - first.now);
  }

  /** Seconds that so many bytes will take; null while nobody can tell. */
  left(bytes, now) {
    const rate = this.rate(now);
    return rate > 0 && now - this.#began >= EARLY ? bytes / rate : null;
  }
}
