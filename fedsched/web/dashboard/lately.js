// What happened lately: evictions with who took the room and by which rule, and what an operator should hear of.

import { age } from "./format.js";
import { h } from "./dom.js";
import { link, pager, quiet, section, time } from "./parts.js";

export function evictions(state) {
  const { evictions: known, at } = state.docs.overview;
  const list = state.lists.evictions;
  return section("evictions", "Evictions",
    known.length
      ? h("ul", { class: "events" }, known.slice(list.offset, list.offset + list.limit).map((one) => eviction(one, at)))
      : quiet("Nobody lost a startd to somebody else."),
    known.length > list.limit ? pager("evictions", { ...list, total: known.length }) : null);
}

const eviction = (one, at) =>
  h("li", { key: `eviction-${one.placement}` },
    time(one.at), " ", link("decision", one.placement), " on ", link("cluster", one.member), `: ${one.principal} makes room for ${one.preemptor || "somebody else"}`,
    h("span", { class: "sub" }, `rule ${one.rule}${one.lost ? `, ${one.lost} at stake` : ""}, ${age(at - one.at)} ago`));

export function notices(state) {
  const known = state.docs.overview.notices.filter((one) => one.kind !== "preempted"); // evictions stand above
  const list = state.lists.notices;
  return section("notices", "Notices",
    known.length
      ? h("ul", { class: "events" }, known.slice(list.offset, list.offset + list.limit).map((one, number) =>
        h("li", { key: `notice-${one.at}-${list.offset + number}` }, time(one.at), " ", h("span", { class: "word" }, one.kind), " ", one.text)))
      : quiet("Nothing to tell."),
    known.length > list.limit ? pager("notices", { ...list, total: known.length }) : null);
}
