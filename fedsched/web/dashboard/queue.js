// The queue as classes of jobs that are alike, each with the reason why it waits; the daemon filters and pages.

import { age, count, request } from "./format.js";
import { h } from "./dom.js";
import { link, pager, quiet, search, section, table } from "./parts.js";

const COLUMNS = [
  { name: "Jobs of" },
  { name: "Each asks for", wide: true },
  { name: "Wait", right: true },
  { name: "Run", right: true, wide: true },
  { name: "Since", right: true, wide: true },
  { name: "Reason" },
];
const STATES = [["", "all"], ["idle", "with waiting jobs"], ["running", "with running jobs"]];

export function queue(state) {
  const known = state.docs.queue;
  const list = state.lists.queue;
  const page = { offset: known.offset, limit: list.limit, total: known.total };
  return section("queue", "Queue",
    h("div", { class: "tools" },
      search("queue", "Filter by user, group, schedd, queue or reason", list.search),
      h("label", null, h("span", { class: "unseen" }, "Which classes"),
        h("select", { "data-do": "state", "data-of": "queue" }, STATES.map(([value, text]) => h("option", { value }, text)))),
      pager("queue", page)),
    known.classes.length
      ? table("Classes of jobs with the reason of each, most waiting first", COLUMNS, [{ rows: known.classes.map((one) => row(one, known)) }])
      : quiet(list.search || list.state ? "No class of jobs is like that." : "Nobody asks for anything."),
    schedds(known));
}

function row({ demand, report, word, reason }, known) {
  const unmet = report ? report.unmet : demand.idle;
  const said = report || demand.idle ? word : "runs";
  return [
    `class-${demand.schedd}-${demand.key}`,
    [link("job", demand.key, demand.principal.user), h("span", { class: "sub" }, demand.principal.group || "no group", demand.job ? ` · queue ${demand.schedd}` : ` · ${demand.schedd}`)],
    request(demand.request),
    [count(unmet), unmet === demand.idle ? null : h("span", { class: "sub" }, `of ${count(demand.idle)}`)],
    count(demand.running),
    demand.oldest_at && demand.idle ? age(known.now - demand.oldest_at) : "–",
    [h("span", { class: "word" }, said), reason && reason !== word && said === word ? h("span", { class: "sub" }, reason) : null],
  ];
}

function schedds(known) {
  const lost = known.schedds.filter((one) => one.error || one.seen_at === null);
  if (!lost.length) return null;
  return h("ul", { class: "attention" }, lost.slice(0, 5).map((one) =>
    h("li", null, `${one.kind === "jobs" ? "Queue" : "Schedd"} ${one.name}: ${one.error || "never answered"}`)),
  lost.length > 5 ? h("li", null, `and ${count(lost.length - 5)} more`) : null);
}
