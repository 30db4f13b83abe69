// A job: one sentence with the number that holds it, what to do, the chain of nine links, every member's answer, the
// changes of its reason, and what would help, one by one as each is proven.

import { age, count, many, request, who } from "./format.js";
import { counterfactuals } from "./api.js";
import { h } from "./dom.js";
import { aged, facts, link, pager, quiet, search, section, spoken, table, time } from "./parts.js";
import { shareTable } from "./shares.js";

const AGAIN_MS = 1000;
const BUSY_MS = 3000; // another class is being proven: asked again until its turn comes
const MARKS = { ok: "✓", holds: "■", waits: "…", "not reached": "–", unknown: "?", "not used": "·" };
const SILENT = new Set(["refused", "foreign"]);

export function jobPage(state) {
  const { job } = state.docs;
  const { explanation } = job;
  return h("article", { class: "why", key: `job-${state.route.id}` },
    h("h1", { id: "title", tabindex: "-1" }, job.job || `Class ${explanation.key}`, " ", job.job ? h("span", { class: "state-word" }, job.state) : null),
    h("p", { class: "sentence" }, explanation.sentence),
    h("p", { class: "next" }, h("b", null, "Next: "), spoken(explanation.next)),
    about(job),
    h("div", { class: "columns" },
      h("div", { class: "column" }, chain(explanation.chain, job.now), members(state)),
      h("div", { class: "column" }, helps(state.proving), history(state.docs.history), having(job), lines(job.shares))));
}

function about(job) {
  const { demand, report } = job;
  return facts([
    ["whose", who(job.principal)],
    ["asks for", demand ? request(demand.request) : null],
    ["length", demand?.length ? `${age(demand.length.seconds)} (${demand.length.source})` : null],
    [demand?.job ? "queue" : "schedd", demand?.schedd],
    ["jobs alike", demand ? `${count(demand.idle)} idle, ${count(demand.running)} running` : null],
    ["of the idle", report ? `${count(report.served)} served, ${count(report.placed)} placed, ${count(report.unmet)} unmet` : null],
    ["runs since", job.since ? [time(job.since, true), `, ${age(job.now - job.since)}`] : null],
    ["on", job.placement ? link("decision", job.placement) : null],
    ["its output", hasLogs(job) ? h("a", { href: `api/v1/jobs/${encodeURIComponent(job.job)}/logs` }, "what its pods wrote, as JSON") : null],
  ]);
}

// Only a Kubernetes Job has a uid; one that never had a copy has written nothing.
const hasLogs = (job) => job.uid && job.state !== "idle" && !SILENT.has(job.state);

function chain(links, now) {
  return section("chain", "From the job to its claim",
    h("ol", { class: "chain" }, links.map((one) =>
      h("li", { key: `link-${one.name}`, class: `link-${one.verdict.replace(" ", "-")}`, "aria-current": one.verdict === "holds" ? "step" : null },
        h("span", { class: "glyph", "aria-hidden": "true" }, MARKS[one.verdict] ?? "?"),
        h("div", null,
          h("b", null, one.name), " ", h("span", { class: "verdict" }, one.verdict),
          one.text ? h("p", null, one.text) : null,
          numbers(one, now))))));
}

function numbers(one, now) {
  const said = [one.need && `needs ${one.need}`, one.have && `has ${one.have}`, one.source && `source: ${one.source}`].filter(Boolean).join(" · ");
  const old = one.at === null || one.at === undefined ? null : [said ? " · " : "", age(now - one.at), " old"];
  return said || old ? h("p", { class: "sub" }, said, old) : null;
}

const COLUMNS = [
  { name: "Cluster" },
  { name: "Verdict" },
  { name: "First blocker" },
  { name: "Needs", wide: true },
  { name: "Has", wide: true },
  { name: "Age", right: true, wide: true },
];

function members(state) {
  const known = state.docs.job.explanation.members;
  const list = state.lists.members;
  const found = known.filter((one) => [one.member, one.verdict, one.text].some((text) => text.toLowerCase().includes(list.search.toLowerCase())));
  const offset = Math.min(list.offset, Math.max(0, found.length - 1));
  return section("members", "What each cluster says",
    h("div", { class: "tools" },
      known.length > 8 ? search("members", "Filter clusters and blockers", list.search) : null,
      found.length > list.limit ? pager("members", { offset, limit: list.limit, total: found.length }) : null),
    found.length
      ? table("Each cluster's verdict and first blocker, the nearest to running it first", COLUMNS,
        [{ rows: found.slice(offset, offset + list.limit).map((one) => member(one, state.docs.job.now)) }])
      : quiet("No cluster to ask."));
}

const member = (one, now) => [
  `member-${one.member}`,
  [link("cluster", one.member), one.node_group ? h("span", { class: "sub" }, one.node_group) : null],
  h("span", { class: "word still" }, one.verdict),
  [one.text || "–", one.action ? h("span", { class: "sub" }, spoken(one.action)) : null],
  one.need || "–", one.have || "–", one.seen_at ? aged(one.seen_at, now) : "–",
];

function having(job) {
  const { having: has } = job;
  const kinds = [["Share", has.share], [job.demand?.job ? "Copies" : "Startds", has.startds], ["Must go", has.going], ["Room on its way", has.coming]].filter(([, said]) => said.length);
  return kinds.length ? section("having", "What it has",
    kinds.map(([name, said]) => [h("h3", null, name), h("ul", { class: "plain-list" }, said.map((text) => h("li", null, text)))])) : null;
}

const lines = (known) => (known.length ? section("job-shares", "Its share", shareTable(known)) : null);

function history(known) {
  if (!known?.turns.length) return null;
  return section("history", "How its reason changed",
    h("ol", { class: "events", reversed: true }, [...known.turns].reverse().slice(0, 30).map((one) =>
      h("li", { key: `turn-${one.cycle}` }, time(one.at, true), " ", h("span", { class: "word" }, one.word), " ", one.text,
        h("span", { class: "sub" }, `${many(one.unmet, "job")} unmet of ${count(one.idle)}, cycle ${count(one.cycle)}`)))));
}

// -- what would help

function helps(proving) {
  if (!proving) return null;
  const { done, total, found, over, error, cycle } = proving;
  const told = error || `${many(done, "change")} tried on cycle ${count(cycle)} by deciding again; ${count(found.length)} would help.`;
  return section("helps", "What would help",
    h("p", { class: "quiet", role: "status" }, over ? told : ""),
    over ? null : [
      h("p", { class: "quiet", key: "progress" }, `Trying changes by deciding again: ${count(done)} of ${total ? count(total) : "…"}`),
      h("progress", { max: Math.max(1, total), value: done, "aria-label": "Changes tried" }),
    ],
    found.length ? h("ul", { class: "helps" }, found.map((one, number) =>
      h("li", { key: `help-${number}` }, one.text, h("span", { class: "sub" }, `${many(one.starts, "job")} would start at once; verdict then: ${one.verdict}`)))) : null,
    over ? h("button", { type: "button", "data-do": "prove" }, "Try again on the newest cycle") : null);
}

// One stream of attempts; calls `changed` after each.
export class Proving {
  constructor(id, changed) {
    this.id = id;
    this.changed = changed;
    this.breaks = 0;
    this.timer = 0;
    this.#begin();
  }

  // waits: what is told until the first attempt, "" for none.
  #begin(waits = "") {
    Object.assign(this, { done: 0, total: 0, found: [], over: Boolean(waits), error: waits, cycle: 0 });
    this.source = counterfactuals(this.id);
    this.source.addEventListener("tried", (event) => this.#hear(event.data));
    this.source.addEventListener("counterfactuals", (event) => {
      this.cycle = JSON.parse(event.data).cycle;
      this.#end("");
    });
    // The daemon's own event of that name has data; the browser's, for a lost connection, has none.
    this.source.onerror = (event) => (event.data ? this.#failed(event.data) : this.#broke());
  }

  #failed(data) {
    const { what, text } = failureOf(data);
    const waits = what === "busy" && !this.done;
    this.#end(waits ? `${text[0].toUpperCase()}${text.slice(1)}. Asked again until its turn comes.` : text);
    if (waits) this.timer = setTimeout(() => this.#begin(this.error), BUSY_MS);
  }

  // A lost connection is tried once more.
  #broke() {
    this.stop();
    this.breaks += 1;
    if (this.breaks > 1) this.#end("The proving was broken off.");
    else this.timer = setTimeout(() => this.again(), AGAIN_MS);
  }

  #hear(text) {
    let tried;
    try {
      tried = JSON.parse(text);
    } catch {
      return;
    }
    Object.assign(this, { over: false, error: "" });
    this.done = tried.done ?? this.done;
    this.total = tried.total ?? this.total;
    if (tried.found) this.found.push(tried.found);
    this.changed();
  }

  #end(error) {
    this.stop();
    this.over = true;
    this.error = error;
    this.changed();
  }

  stop() {
    clearTimeout(this.timer);
    this.source.close();
  }

  again() {
    this.stop();
    this.#begin();
    this.changed();
  }
}

function failureOf(data) {
  try {
    const { what, text = "The proving failed." } = JSON.parse(data);
    return { what, text };
  } catch {
    return { what: "", text: "The proving failed." };
  }
}
