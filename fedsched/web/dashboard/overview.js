// The first page: totals, demand against supply, and under them everything that stands now.

import { age, count, money, short } from "./format.js";
import { chart } from "./chart.js";
import { clusters, copies } from "./clusters.js";
import { h } from "./dom.js";
import { evictions, notices } from "./lately.js";
import { queue } from "./queue.js";
import { section } from "./parts.js";
import { shares } from "./shares.js";
import { spikes } from "./spikes.js";

const WIDE = 1240;
const CHART_PART = 0.62;

export function overviewPage(state) {
  const { overview, spikes: known } = state.docs;
  const narrow = state.width < WIDE;
  const room = narrow ? state.width : (state.width - 32) * CHART_PART;
  return h("div", { key: "overview" },
    h("h1", { id: "title", tabindex: "-1", class: "unseen" }, `Federation ${overview.federation}`),
    totals(overview),
    h("div", { class: "columns" },
      h("div", { class: "column" },
        section("supply", "Demand against supply", chart(overview.history, known.spikes, room)),
        queue(state), clusters(state)),
      h("div", { class: "column" }, shares(state), spikes(state), evictions(state), notices(state))));
}

function totals(overview) {
  const last = overview.history.at(-1);
  const { claimed = 0, unclaimed = 0, starting = 0, intended = 0, leaving = 0 } = overview.phases;
  const onTheWay = starting + intended;
  return h("dl", { class: "totals", "aria-label": "Totals" },
    total("jobs waiting", short(overview.unmet), `${short(overview.idle)} idle, ${short(overview.running)} running`, overview.unmet > 0),
    total("startds claimed", count(claimed), [phases({ unclaimed, starting: onTheWay, leaving }), copies(overview)].filter(Boolean).join("; ")),
    total("clusters well", count(overview.well), `of ${count(overview.members)}`, overview.well < overview.members),
    total("classes", count(overview.classes), "kinds of jobs in the queue"),
    total("cost per hour", money(last?.cost_per_hour), "of what runs now"),
    total("decided in", took(overview.decide_s), `every ${age(overview.fresh_s)}`));
}

const total = (name, value, more, loud) =>
  h("div", { key: `total-${name}`, class: loud ? "loud" : null }, h("dt", null, name), h("dd", null, h("b", null, value), h("span", { class: "quiet" }, more)));

const phases = (known) => Object.entries(known).filter(([, number]) => number).map(([name, number]) => `${count(number)} ${name}`).join(", ") || "none besides";
const took = (seconds) => (seconds < 0.001 ? "<1 ms" : seconds < 1 ? `${count(seconds * 1000)} ms` : age(seconds));
