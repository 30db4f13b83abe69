// Demand against supply over time, drawn by hand: two panels over one time axis, and the same numbers as a table.

import { amount, clock, day, fineClock, short } from "./format.js";
import { h, svg } from "./dom.js";

const LEFT = 44;
const RIGHT = 8;
const PANEL = { demand: 84, supply: 120 };
const GAP = 26;
const AXIS = 22;
const ROWS = 24;
const SUPPLY = ["claimed", "unclaimed", "starting"];

// moments: oldest first. spikes: shown as bands. width: of the space that there is, in pixels.
export function chart(moments, spikes, width) {
  if (moments.length < 2) return h("p", { class: "quiet" }, "Two cycles make a chart; the first has just been seen.");
  const wide = Math.max(280, Math.round(width));
  const height = PANEL.demand + GAP + PANEL.supply + AXIS + 14;
  const from = moments[0].at;
  const until = moments.at(-1).at;
  const x = (at) => LEFT + ((at - from) / Math.max(1e-9, until - from)) * (wide - LEFT - RIGHT);
  const upper = panel(14, PANEL.demand, Math.max(...moments.map((one) => one.unmet)), wide);
  const top = 14 + PANEL.demand + GAP;
  const lower = panel(top, PANEL.supply, Math.max(...moments.map((one) => SUPPLY.reduce((sum, name) => sum + one[name], 0))), wide);
  const last = moments.at(-1);
  return h("figure", { class: "chart" },
    svg("svg", { viewBox: `0 0 ${wide} ${height}`, width: wide, height, role: "img", "aria-labelledby": "chart-name chart-text" },
      svg("title", { id: "chart-name" }, "Demand against supply over time"),
      svg("desc", { id: "chart-text" }, told(moments)),
      patterns(),
      bands(spikes, from, until, x, height),
      upper.grid, area(moments, (one) => [0, one.unmet], x, upper.y, "fill-unmet"),
      svg("path", { class: "line-unmet", d: line(moments, (one) => one.unmet, x, upper.y) }),
      svg("text", { class: "panel-name", x: LEFT, y: 9 }, "Unmet demand"),
      lower.grid, stacked(moments, x, lower.y),
      svg("text", { class: "panel-name", x: LEFT, y: top - 6 }, "Supply"),
      times(from, until, x, height - 6, wide)),
    h("figcaption", null, legend(last)),
    h("details", { class: "data" }, h("summary", null, "The same as a table"), numbers(moments)));
}

function panel(top, height, most, wide) {
  const step = nice(most / 2);
  const scale = Math.max(step, step * Math.ceil(most / step));
  const y = (value) => top + height - (value / scale) * height;
  const ticks = [];
  for (let value = 0; value <= scale + step / 2; value += step) ticks.push(value);
  const grid = ticks.map((value) => [
    svg("line", { class: value ? "grid" : "base", x1: LEFT, x2: wide - RIGHT, y1: y(value).toFixed(1), y2: y(value).toFixed(1) }),
    svg("text", { class: "tick", x: LEFT - 6, y: (y(value) + 3.5).toFixed(1), "text-anchor": "end" }, short(value)),
  ]);
  return { y, grid };
}

// The next of 1, 2, 5 times a power of ten.
function nice(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const found = [1, 2, 5, 10].find((one) => one * power >= value);
  return Math.max(1, found * power);
}

const point = (x, y) => `${x.toFixed(1)},${y.toFixed(1)}`;
const line = (moments, value, x, y) => `M${moments.map((one) => point(x(one.at), y(value(one)))).join("L")}`;

function area(moments, span, x, y, kind) {
  const above = moments.map((one) => point(x(one.at), y(span(one)[1])));
  const below = moments.map((one) => point(x(one.at), y(span(one)[0]))).reverse();
  return svg("path", { class: kind, d: `M${[...above, ...below].join("L")}Z` });
}

function stacked(moments, x, y) {
  const upTo = (one, number) => SUPPLY.slice(0, number).reduce((sum, name) => sum + one[name], 0);
  return SUPPLY.map((name, number) => [
    area(moments, (one) => [upTo(one, number), upTo(one, number + 1)], x, y, `fill-${name}`),
    number ? area(moments, (one) => [upTo(one, number), upTo(one, number + 1)], x, y, `pattern-${name}`) : null,
  ]);
}

function bands(spikes, from, until, x, height) {
  return spikes
    .filter((one) => (one.ended_at ?? until) > from && one.began_at < until)
    .map((one) => {
      const begins = x(Math.max(from, one.began_at));
      const ends = x(Math.min(until, one.ended_at ?? until));
      return svg("rect", { class: "band", x: begins.toFixed(1), y: 14, width: Math.max(1, ends - begins).toFixed(1), height: height - 14 - AXIS });
    });
}

function times(from, until, x, y, wide) {
  const most = Math.max(2, Math.floor((wide - LEFT) / 110));
  const write = until - from > 36 * 3600 ? day : until - from < 900 ? fineClock : clock;
  return Array.from({ length: most }, (_, number) => {
    const at = from + ((until - from) * number) / (most - 1);
    const anchor = number === 0 ? "start" : number === most - 1 ? "end" : "middle";
    return svg("text", { class: "tick", x: x(at).toFixed(1), y, "text-anchor": anchor }, write(at));
  });
}

// What colours say is said by texture, too.
const patterns = () =>
  svg("defs", null,
    svg("pattern", { id: "pattern-unclaimed", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      svg("line", { class: "stroke", x1: 0, x2: 0, y1: 0, y2: 6 })),
    svg("pattern", { id: "pattern-starting", width: 6, height: 6, patternUnits: "userSpaceOnUse" },
      svg("circle", { class: "spot", cx: 3, cy: 3, r: 1 })));

const legend = (last) =>
  h("ul", { class: "legend" }, [["unmet", "unmet demand"], ...SUPPLY.map((name) => [name, name])].map(([name, text]) =>
    h("li", null, swatch(name), `${text} `, h("b", null, short(last[name])))),
  h("li", { class: "quiet" }, "in core-equivalents"));

export const swatch = (name) =>
  svg("svg", { class: "swatch", "aria-hidden": "true", viewBox: "0 0 12 12" },
    svg("rect", { class: `fill-${name}`, width: 12, height: 12, rx: 2 }),
    name === "unclaimed" || name === "starting" ? svg("rect", { class: `pattern-${name}`, width: 12, height: 12, rx: 2 }) : null);

function told(moments) {
  const last = moments.at(-1);
  const peak = moments.reduce((most, one) => (one.unmet > most.unmet ? one : most));
  const supply = SUPPLY.map((name) => `${amount(last[name])} ${name}`).join(", ");
  return `From ${day(moments[0].at)} to ${day(last.at)}. Now ${amount(last.unmet)} core-equivalents are unmet; supply: ${supply}. `
    + `Most was unmet at ${clock(peak.at)}: ${amount(peak.unmet)}.`;
}

function numbers(moments) {
  const each = Math.max(1, Math.ceil(moments.length / ROWS));
  const shown = moments.filter((_, number) => (moments.length - 1 - number) % each === 0);
  const names = ["unmet", ...SUPPLY];
  return h("table", null,
    h("caption", null, "Core-equivalents at some times, oldest first"),
    h("thead", null, h("tr", null, ["time", ...names].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", null, shown.map((one) => h("tr", { key: `at-${one.cycle}` },
      h("th", { scope: "row" }, day(one.at)), names.map((name) => h("td", { class: "right" }, amount(one[name])))))));
}
