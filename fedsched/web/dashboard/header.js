// The top of every page: federation, policy, cycle and its age, live or not, and whether a spike is going on.

import { age, amount, count, money } from "./format.js";
import { h, show } from "./dom.js";

const spoken = document.getElementById("said");

// Said once to those who listen to the page instead of looking at it.
export function said(text) {
  spoken.textContent = text;
}

export function header({ docs: { overview }, live, fetched }) {
  document.getElementById("federation").textContent = overview?.federation ?? "";
  const place = document.getElementById("live");
  if (!overview) {
    show(place, h("span", { class: "dot off" }), h("span", null, live ? "no answer yet" : "not live"));
    return;
  }
  const old = overview.age_s + (Date.now() - fetched) / 1000;
  const stale = overview.stale || old > Math.max(60, 3 * overview.fresh_s);
  const kind = !live ? "off" : stale ? "stale" : "on";
  const word = { off: "not live", stale: "stale", on: "live" }[kind];
  show(place,
    h("span", { class: `dot ${kind}`, "aria-hidden": "true" }),
    h("strong", { class: kind }, word),
    h("span", { class: "quiet" }, ` cycle ${count(overview.cycle)}, ${age(old)} ago`),
    overview.policy ? h("span", { class: "quiet policy" }, ` policy ${overview.policy}`) : null,
    live ? null : h("button", { type: "button", "data-do": "retry", class: "plain" }, "Try now"));
}

let before = "";

export function banner({ docs: { overview, spikes } }) {
  const place = document.getElementById("banner");
  const id = overview?.spike ?? "";
  if (id !== before) {
    if (id) said(`Spike ${id} has begun.`);
    else if (before) said(`Spike ${before} is over.`);
    before = id;
  }
  const spike = spikes?.spikes.find((one) => one.id === id);
  if (!id) {
    show(place);
    return;
  }
  show(place, h("p", { class: "banner" },
    h("strong", null, `Spike ${id}`),
    spike
      ? ` for ${age(overview.at - spike.began_at)}: peak ${amount(spike.peak)} core-equivalents unmet, `
        + `${count(spike.added)} startds added, ${count(spike.claimed)} claimed, bill ${money(spike.cost)}. `
      : " is going on. ",
    h("a", { href: "#/spikes" }, "Its report so far")));
}
