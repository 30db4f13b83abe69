// What several pages are made of: sections, tables with a page of rows, pagers, bars, states, errors.

import { age, clock, count, day, iso } from "./format.js";
import { h, svg } from "./dom.js";

export const link = (kind, id, text) => h("a", { href: `#/${kind}/${encodeURIComponent(id)}` }, text ?? id);

export const section = (id, title, ...rest) =>
  h("section", { id, key: `section-${id}`, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title`, tabindex: "-1" }, title), rest);

// columns: {name, right, wide, label}; a wide one is left out on a phone. rows: arrays of cells, first the key.
// The first cell names its row.
export function table(caption, columns, bodies) {
  const classes = (one) => [one.right && "right", one.wide && "wide"].filter(Boolean).join(" ") || null;
  const head = columns.map((one) =>
    h("th", { scope: "col", class: classes(one) }, one.name || h("span", { class: "unseen" }, one.label)));
  const cell = (content, number) =>
    number === 0
      ? h("th", { scope: "row" }, content)
      : h("td", { class: classes(columns[number]) }, content);
  const body = ({ title, rows, key }) =>
    h("tbody", { key: key ?? "rows" },
      title ? h("tr", { class: "region" }, h("th", { colspan: columns.length, scope: "rowgroup" }, title)) : null,
      rows.map(([id, ...cells]) => h("tr", { key: id }, cells.map(cell))));
  return h("table", null,
    h("caption", { class: "unseen" }, caption), h("thead", null, h("tr", null, head)), bodies.map(body));
}

// Which part of a list is shown, and buttons to the parts before and after. `of` names the list in the page's state.
export function pager(of, { offset, limit, total }) {
  const last = Math.min(total, offset + limit);
  const step = (to, text, can) =>
    h("button", { type: "button", "data-do": "page", "data-of": of, "data-to": to, "aria-disabled": can ? null : "true" },
      text);
  return h("div", { class: "pager", key: `pager-${of}` },
    h("span", { class: "quiet" }, total ? `${count(offset + 1)} to ${count(last)} of ${count(total)}` : "none"),
    total > limit || offset > 0
      ? [step(Math.max(0, offset - limit), "Earlier", offset > 0), step(offset + limit, "Later", last < total)]
      : null);
}

export const search = (of, label, value) =>
  h("label", { class: "search", key: `search-${of}` }, h("span", { class: "unseen" }, label),
    h("input", { type: "search", placeholder: label, "data-do": "search", "data-of": of, value, maxlength: "200",
      autocomplete: "off", spellcheck: "false" }));

// A bar of parts that stand for amounts of `whole`; a mark where something ends.
export function bar(label, parts, whole, mark) {
  let x = 0;
  const scale = whole > 0 ? 100 / whole : 0;
  const rects = parts.filter((one) => one.value > 0).map((one) => {
    const width = Math.min(100 - x, Math.max(0.8, one.value * scale));
    const rect = svg("rect", { class: `fill-${one.kind}`, x: x.toFixed(2), y: "0", width: Math.max(0, width).toFixed(2), height: "10" });
    x += width;
    return rect;
  });
  const at = mark === undefined ? null : Math.min(99.4, mark * scale);
  return svg("svg", { class: "bar", role: "img", "aria-label": label, viewBox: "0 0 100 10", preserveAspectRatio: "none" },
    svg("rect", { class: "track", x: "0", y: "0", width: "100", height: "10" }), rects,
    at === null ? null : svg("rect", { class: "mark", x: Math.max(0, at).toFixed(2), y: "0", width: "0.9", height: "10" }));
}

const SHAPES = { ready: "●", slow: "◐", unreachable: "○", lost: "✕", never: "◌" };

// A state by shape, word and colour, so that none of them is needed alone.
export const state = (name) =>
  h("span", { class: `state state-${Object.hasOwn(SHAPES, name) ? name : "never"}` },
    h("span", { "aria-hidden": "true" }, `${SHAPES[name] ?? "◌"} `), name);

export const time = (at, full) => h("time", { datetime: iso(at) }, full ? day(at) : clock(at));
export const aged = (at, now) => (at === null || at === undefined ? "never" : h("time", { datetime: iso(at) }, age(now - at)));

export function failed(error) {
  return h("div", { class: "failed", role: "alert", key: "failed" },
    h("p", null, error.message), error.hint ? h("p", { class: "quiet" }, "Next: ", spoken(error.hint)) : null);
}

// A sentence in which commands stand between backticks.
export function spoken(text) {
  const parts = text.split("`");
  return parts.length % 2 ? parts.map((part, number) => (number % 2 ? h("code", null, part) : part)) : text;
}

export const quiet = (text) => h("p", { class: "quiet" }, text);
export const facts = (pairs) =>
  h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) =>
    h("div", { key: `fact-${name}` }, h("dt", null, name), h("dd", null, value))));
