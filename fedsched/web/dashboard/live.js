// Hears of each cycle by server-sent events, and comes back by itself when the connection breaks.

import { cycles } from "./api.js";

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

// Calls `heard` for each cycle and `changed(up)` when it begins or ceases to be live.
export class Live {
  constructor(heard, changed) {
    this.heard = heard;
    this.changed = changed;
    this.up = false;
    this.wait = FIRST_MS;
    this.source = null;
    this.timer = 0;
  }

  start() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = cycles();
    this.source.onopen = () => {
      this.wait = FIRST_MS;
      this.#is(true);
    };
    const hear = () => this.heard();
    this.source.onmessage = hear;
    this.source.addEventListener("cycle", hear);
    this.source.onerror = () => this.#broke();
  }

  // The browser's own reconnecting gives up after some errors and knows no backoff.
  #broke() {
    this.source.close();
    this.#is(false);
    const jitter = 0.75 + Math.random() / 2;
    this.timer = setTimeout(() => this.start(), this.wait * jitter);
    this.wait = Math.min(LONGEST_MS, this.wait * 2);
  }

  #is(up) {
    if (up === this.up) return;
    this.up = up;
    this.changed(up);
  }
}
