// Shares against entitlement: what each group and user holds, beside what it has a right to.

import { amount } from "./format.js";
import { bar, link, pager, quiet, search, section, table } from "./parts.js";
import { h } from "./dom.js";

const COLUMNS = [
  { name: "Group" },
  { name: "Holds, and has a right to" },
  { name: "Level", right: true },
  { name: "In line", right: true, wide: true },
];

export function shares(state) {
  const known = state.docs.shares;
  const list = state.lists.shares;
  const wanted = known.shares.filter((one) => one.path && (list.users || one.is_group) && one.path.toLowerCase().includes(list.search.toLowerCase()));
  const found = inTree(wanted.length || list.users || list.search ? wanted : known.shares);
  const offset = Math.min(list.offset, Math.max(0, found.length - 1));
  const shown = found.slice(offset, offset + list.limit);
  return section("shares", "Shares against entitlement",
    h("div", { class: "tools" },
      h("button", { type: "button", "data-do": "users", "aria-pressed": String(list.users) }, "Users too"),
      list.users || found.length > 10 ? search("shares", "Filter groups and users", list.search) : null),
    shown.length ? shareTable(shown) : quiet("Nobody holds or wants anything."),
    h("ul", { class: "legend" },
      h("li", null, "filled: claimed, lighter: not yet claimed, mark: right"), h("li", { class: "quiet" }, "in core-equivalents")),
    found.length > list.limit ? pager("shares", { offset, limit: list.limit, total: found.length }) : null);
}

// As a tree: a group, its users, the groups below it. The root stands for everybody and is left out.
const inTree = (known) => known.filter((one) => one.path).sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
const placeOf = (one) => one.path.replace("/", "\u0000");

export function shareTable(known) {
  const shown = inTree(known);
  const most = Math.max(1, ...shown.map((one) => Math.max(one.counted, Math.min(one.entitled, 4 * one.counted || one.entitled))));
  return table("Shares: what is held against what there is a right to, in core-equivalents", COLUMNS,
    [{ rows: shown.map((one) => row(one, most)) }]);
}

function row(one, most) {
  const lacks = one.demand > one.counted && one.level !== null && one.level < 0.95;
  return [
    `share-${one.path}`,
    h("span", { class: `depth-${Math.min(4, depth(one))}` }, link("group", one.path, name(one)),
      one.is_group ? null : h("span", { class: "sub" }, one.path.split("/")[0])),
    h("div", { class: "held" },
      bar(`holds ${amount(one.counted)} of ${amount(one.entitled)}`, [
        { kind: "claimed", value: Math.min(one.charged, one.counted) },
        { kind: "starting", value: Math.max(0, one.counted - one.charged) },
      ], most, one.entitled > 0 ? one.entitled : undefined),
      h("span", { class: "sub" }, `${amount(one.counted)} of ${amount(one.entitled)}`,
        one.wasted > 0.05 ? `, ${amount(one.wasted)} wasted` : null)),
    one.level === null || one.level === undefined || !(one.entitled > 0) ? "–" : h("span", { class: lacks ? "below" : null }, `${one.level.toFixed(2)}${lacks ? " below" : ""}`),
    one.rank ? `${one.rank}.` : "–",
  ];
}

const depth = (one) => (one.is_group ? one.path.split(".").length - 1 : one.parent.split(".").length);
const name = (one) => (one.is_group ? one.path : one.path.slice(one.path.indexOf("/") + 1));
