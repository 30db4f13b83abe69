// Clusters by region: how each stands, what of ours is there by phase, what is free, what it costs.

import { amount, cores, count, price, request } from "./format.js";
import { aged, bar, link, pager, quiet, search, section, state as stateOf, table } from "./parts.js";
import { h } from "./dom.js";
import { swatch } from "./chart.js";

export const PHASES = ["claimed", "unclaimed", "starting", "leaving"];
const COLUMNS = [
  { name: "Cluster" },
  { name: "Ours", label: "Ours" },
  { name: "Free cores", right: true },
  { name: "GPUs free", right: true, wide: true },
  { name: "Price", right: true, wide: true },
  { name: "Seen", right: true, wide: true },
];

export function clusters(state) {
  const { clusters: known } = state.docs;
  const list = state.lists.clusters;
  const found = known.members.filter((one) => matches(one, list.search)).sort(byPlace);
  const offset = Math.min(list.offset, Math.max(0, found.length - 1));
  const shown = found.slice(offset, offset + list.limit);
  return section("clusters", "Clusters",
    known.members.length > 8 ? search("clusters", "Filter clusters", list.search) : null,
    attention(known),
    shown.length ? table("Clusters by region", COLUMNS, regions(shown, known)) : quiet("No cluster is like that."),
    legend(),
    found.length > list.limit ? pager("clusters", { offset, limit: list.limit, total: found.length }) : null);
}

const matches = (one, words) =>
  !words || [one.name, one.region, one.state, one.mode].some((text) => text.toLowerCase().includes(words.toLowerCase()));
const byPlace = (a, b) => a.region.localeCompare(b.region) || a.name.localeCompare(b.name);

function attention(known) {
  const said = [known.frozen_since ? "Everything is frozen: most members do not answer." : "", ...known.attention].filter(Boolean);
  return said.length ? h("ul", { class: "attention" }, said.slice(0, 6).map((text) => h("li", null, text)),
    said.length > 6 ? h("li", null, `and ${count(said.length - 6)} more`) : null) : null;
}

function regions(shown, known) {
  const bodies = new Map();
  for (const one of shown) {
    if (!bodies.has(one.region)) bodies.set(one.region, []);
    bodies.get(one.region).push(one);
  }
  const most = Math.max(1, ...known.members.map(startds));
  return [...bodies].map(([region, members]) => ({
    key: `region-${region}`,
    title: bodies.size > 1 || region ? (region || "no region given") : null,
    rows: members.map((one) => row(one, known.now, most)),
  }));
}

const startds = (one) => Object.values(one.ours).reduce((sum, number) => sum + number, 0);

function row(one, now, most) {
  return [
    `cluster-${one.name}`,
    [link("cluster", one.name), " ", h("span", { class: "sub" }, stateOf(one.state), one.mode === "on" ? null : ` ${one.mode}`,
      one.orders.map((text) => h("span", { class: "order" }, text)))],
    ours(one, most),
    [cores(one.free.cpu_milli), h("span", { class: "sub" }, `of ${cores(one.allocatable.cpu_milli)}`)],
    one.allocatable.gpus ? `${count(one.free.gpus)} of ${count(one.allocatable.gpus)}` : "–",
    one.price_per_core_hour ? price(one.price_per_core_hour) : "–",
    aged(one.seen_at, now),
  ];
}

export function ours(one, most) {
  const phases = byPhase(one.ours);
  const text = PHASES.filter((name) => phases[name]).map((name) => `${count(phases[name])} ${name}`).join(", ") || "none";
  return h("div", { class: "ours" },
    bar(`startds of ours: ${text}`, PHASES.map((kind) => ({ kind, value: phases[kind] })), most),
    h("span", { class: "sub" }, [text, copies(one)].filter(Boolean).join("; ")));
}

// Pods of Kubernetes Jobs, which are no startds.
export function copies(one) {
  const known = Object.entries(one.copies ?? {}).filter(([, number]) => number);
  return known.length ? `Jobs: ${known.map(([phase, number]) => `${count(number)} ${phase}`).join(", ")}` : "";
}

const byPhase = (phases) => ({ ...phases, starting: (phases.starting ?? 0) + (phases.intended ?? 0) });

const legend = () =>
  h("ul", { class: "legend" }, PHASES.map((name) => h("li", null, swatch(name), name)));

// What a member has, for its own page.
export const room = (one) => [
  ["free", request(one.free)],
  ["in all", `${request(one.allocatable)} on ${count(one.nodes)} nodes`],
  ["lent", `${amount(one.lent)} core-equivalents`],
];
