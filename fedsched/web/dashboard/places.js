// A cluster: what would fit there and is held back. A group: why it holds what it holds. A decision: why there.

import { age, count, many, price, who } from "./format.js";
import { h } from "./dom.js";
import { aged, facts, link, pager, quiet, section, spoken, state as stateOf, table } from "./parts.js";
import { ours, room } from "./clusters.js";
import { shareTable } from "./shares.js";

const top = (title, explanation) => [
  h("h1", { id: "title", tabindex: "-1" }, title),
  h("p", { class: "sentence" }, explanation.sentence),
  h("p", { class: "next" }, h("b", null, "Next: "), spoken(explanation.next)),
];

export function clusterPage(state) {
  const { cluster: one, explanation, now } = state.docs.cluster;
  return h("article", { class: "why", key: `cluster-${one.name}` },
    top([`Cluster ${one.name} `, stateOf(one.state)], explanation),
    facts([
      ["mode", one.mode], ["region", one.region], ["seen", aged(one.seen_at, now)],
      ["last contact", one.error ? `${one.contact}: ${one.error}` : one.contact],
      ...room(one),
      ["price", one.price_per_core_hour ? `${price(one.price_per_core_hour)} per core and hour` : null],
      ["credential", one.credential_expires_at ? `${age(one.credential_expires_at - now)} left` : null],
      ["version", one.version],
      ["orders", one.orders.join("; ")],
      ["ours", ours(one, Math.max(1, Object.values(one.ours).reduce((sum, number) => sum + number, 0)))],
      ["fits now", many(explanation.fits, "idle job")],
    ]),
    one.attention.length ? h("ul", { class: "attention" }, one.attention.map((text) => h("li", null, text))) : null,
    heldBack(state, "held", "What would fit on empty nodes, and is held back", explanation.held_back),
    groups(one));
}

function heldBack(state, name, title, known) {
  const list = state.lists.held;
  const columns = [{ name: "Cause" }, { name: "Jobs", right: true }, { name: "Classes", right: true, wide: true }, { name: "Why" }];
  return section(name, title,
    known.length
      ? table(title, columns, [{ rows: known.slice(list.offset, list.offset + list.limit).map((one) => [
        `held-${one.cause}`,
        [h("span", { class: "word" }, one.cause), h("span", { class: "sub" }, one.verdict)],
        count(one.jobs), count(one.classes),
        [one.text, one.action ? h("span", { class: "sub" }, spoken(one.action)) : null,
          one.example ? h("span", { class: "sub" }, "for example ", link("job", one.example)) : null],
      ]) }])
      : quiet("Nothing is."),
    known.length > list.limit ? pager("held", { ...list, total: known.length }) : null);
}

function groups(one) {
  if (!one.node_groups.length) return null;
  const columns = [{ name: "Node group" }, { name: "Nodes", right: true }, { name: "Ready", right: true }, { name: "Cordoned", right: true, wide: true }];
  return section("node-groups", "Node groups",
    table("Node groups", columns, [{ rows: one.node_groups.slice(0, 50).map((group) =>
      [`group-${group.name}`, group.name, count(group.nodes), count(group.ready), count(group.cordoned)]) }]),
    one.node_groups.length > 50 ? quiet(`and ${count(one.node_groups.length - 50)} more`) : null);
}

export function groupPage(state) {
  const { explanation, shares } = state.docs.group;
  return h("article", { class: "why", key: `group-${explanation.path}` },
    top(`${explanation.path.includes("/") ? "User" : "Group"} ${explanation.path || "of all"}`, explanation),
    explanation.details.length ? h("ul", { class: "plain-list" }, explanation.details.map((text) => h("li", null, text))) : null,
    shares.length ? section("group-shares", "Shares against entitlement", shareTable(shares.slice(0, 60))) : null,
    heldBack(state, "waiting", "Why its jobs wait", explanation.waiting),
    section("where", "Where its startds are", explanation.where.length
      ? h("ul", { class: "plain-list" }, explanation.where.slice(0, 60).map(([member, number]) =>
        h("li", { key: `where-${member}` }, link("cluster", member), `: ${many(number, "startd")}`)))
      : quiet("Nowhere.")));
}

export function decisionPage(state) {
  const { explanation } = state.docs.decision;
  const list = state.lists.candidates;
  const columns = [{ name: "Place" }, { name: "Rank", right: true }, { name: "Held back by" }];
  const known = explanation.candidates;
  return h("article", { class: "why", key: `decision-${explanation.placement}` },
    top(`Placement ${explanation.placement}`, explanation),
    facts([
      ["cluster", link("cluster", explanation.member)], ["node group", explanation.node_group], ["phase", explanation.phase],
      ["for", who(explanation.principal)], ["class", explanation.class_key ? link("job", explanation.class_key) : null],
      ["makes room for", explanation.preemptor], ["rule", explanation.rule], ["work at stake", explanation.lost],
    ]),
    explanation.details.length ? h("ul", { class: "plain-list" }, explanation.details.map((text) => h("li", null, text))) : null,
    section("candidates", "Places that were open to it",
      known.length ? table("Places that were open to it, best first", columns, [{ rows: known.slice(list.offset, list.offset + list.limit).map((one, number) => [
        `candidate-${list.offset + number}`, `${one.member}/${one.node_group}${list.offset + number === explanation.chosen ? " (chosen)" : ""}`,
        one.rank.toFixed(3), one.blocker || "–",
      ]) }]) : quiet("None is recorded."),
      known.length > list.limit ? pager("candidates", { ...list, total: known.length }) : null));
}
