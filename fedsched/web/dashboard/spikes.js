// Load spikes with their bills: what they needed, what was added for it, what of that nobody claimed, what it cost.

import { age, amount, count, money } from "./format.js";
import { facts, pager, quiet, section, time } from "./parts.js";
import { h } from "./dom.js";

export function spikes(state) {
  const known = state.docs.spikes;
  const list = state.lists.spikes;
  const shown = known.spikes.slice(list.offset, list.offset + list.limit);
  const { above_since: above } = known;
  return section("spikes", "Spikes",
    shown.length ? shown.map((one) => spike(one, known.at)) : quiet(above ? `Demand is high for ${age(known.at - above)}; no spike yet.` : "No spike is remembered."),
    known.spikes.length > list.limit ? pager("spikes", { ...list, total: known.spikes.length }) : null,
    budgets(known));
}

function spike(one, now) {
  const on = one.ended_at === null || one.ended_at === undefined;
  const left = one.open_ids?.length ?? 0;
  return h("details", { class: "spike", key: `spike-${one.id}`, open: on },
    h("summary", null, h("b", null, one.id), " ", on ? h("span", { class: "on" }, "going on") : "over", " ",
      h("span", { class: "quiet" }, "from ", time(one.began_at, true), `, ${age((one.ended_at ?? now) - one.began_at)}`),
      h("span", { class: "bill" }, `bill ${money(one.cost)}`)),
    facts([
      ["most unmet", `${amount(one.peak)} core-equivalents`],
      ["startds added", count(one.added)],
      ["claimed", count(one.claimed)],
      ["first claim", one.first_claim_s === null || one.first_claim_s === undefined ? "not yet" : `after ${age(one.first_claim_s)}`],
      ["never claimed", (one.never_claimed ?? []).map(([cause, number]) => `${count(number)} ${cause}`).join(", ") || "none"],
      ["unclaimed", unclaimed(one)],
      ["nothing left", one.zero_at ? `${age(one.zero_at - (one.ended_at ?? one.zero_at))} after its end` : left ? `${count(left)} still there` : "not yet"],
    ]));
}

function unclaimed(one) {
  const members = new Map();
  for (const [member, , seconds] of one.unclaimed_s ?? []) members.set(member, (members.get(member) ?? 0) + seconds);
  return [...members].sort((a, b) => b[1] - a[1]).slice(0, 5).map(([member, seconds]) => `${member} ${age(seconds)}`).join(", ");
}

function budgets(known) {
  const tiers = Object.entries(known.tiers);
  const spent = Object.entries(known.budgets);
  if (!tiers.length && !spent.length) return null;
  return facts([
    ...tiers.map(([name, tier]) => [`tier ${name}`, tier.open ? `open for ${age(known.at - tier.since)}` : "closed"]),
    ...spent.map(([name, budget]) => [`spent by ${name.replace("/", " ")}`, `${money(budget.spent)} since ${age(known.at - budget.window_at)}`]),
  ]);
}
