// The page: which part of it is asked for, when it is asked for again, and what a click or a key does.

import { ask, NoAnswer } from "./api.js";
import { Live } from "./live.js";
import { h, show } from "./dom.js";
import { banner, header, said } from "./header.js";
import { failed } from "./parts.js";
import { overviewPage } from "./overview.js";
import { jobPage, Proving } from "./job.js";
import { clusterPage, decisionPage, groupPage } from "./places.js";

const LEAST_MS = 1000; // between two rounds of questions, however fast cycles follow each other
const JOB_MS = 30_000;
const AGAIN_MS = 5000; // after "busy" and the like
const TYPING_MS = 200;
const TICK_MS = 1000;
const QUEUE_PAGE = 20;
const HISTORY_S = 24 * 3600;

const state = {
  route: { page: "overview", id: "", section: "" },
  docs: {},
  error: null,
  live: false,
  fetched: 0,
  width: 0,
  lists: {
    queue: { search: "", state: "", offset: 0, limit: QUEUE_PAGE },
    clusters: { search: "", offset: 0, limit: 25 },
    shares: { search: "", offset: 0, limit: 20, users: false },
    members: { search: "", offset: 0, limit: 20 },
    evictions: { offset: 0, limit: 6 },
    spikes: { offset: 0, limit: 5 },
    notices: { offset: 0, limit: 8 },
    held: { offset: 0, limit: 20 },
    candidates: { offset: 0, limit: 20 },
  },
  proving: null,
};

// -- questions

const questions = {
  overview: () => ({
    clusters: ask.clusters(),
    shares: ask.shares(),
    spikes: ask.spikes(),
    queue: ask.queue({ ...state.lists.queue }),
  }),
  job: why,
  cluster: (id) => ({ cluster: ask.cluster(id) }),
  group: (id) => ({ group: ask.group(id) }),
  decision: (id) => ({ decision: ask.decision(id) }),
};
// A single job is asked of its schedd, which has better things to do than to tell every cycle who looks at a page.
let askedJobAt = 0;
function why(id) {
  const known = state.docs.job;
  if (known?.job && Date.now() - askedJobAt < JOB_MS) return {};
  askedJobAt = Date.now();
  const job = ask.job(id);
  return { job, history: job.then((found) => ask.history(found.explanation.key, since())) };
}

const PASSING = new Set(["busy", "no-cycle", "unreachable"]);
const OPTIONAL = new Set(["history"]);

const since = () => Math.max(1, Math.floor((state.docs.overview?.at ?? Date.now() / 1000) - HISTORY_S));

let asking = false;
let wanted = false;
let lastRound = 0;
let later = 0;

// Ask for everything that is shown; again, once, when it was wanted meanwhile.
async function refresh({ now = false } = {}) {
  clearTimeout(later);
  if (asking) {
    wanted = true;
    return;
  }
  const wait = now ? 0 : lastRound + LEAST_MS - Date.now();
  if (document.hidden || wait > 0) {
    if (!document.hidden) later = setTimeout(refresh, wait);
    return;
  }
  asking = true;
  const route = state.route;
  try {
    // The overview first: its time is what other questions are asked with, and its failure is theirs.
    const docs = { overview: await ask.overview() };
    if (!state.docs.overview) state.docs.overview = docs.overview;
    const more = docs.overview.spike && route.page !== "overview" ? { spikes: ask.spikes() } : {};
    Object.assign(docs, await answers({ ...questions[route.page](route.id), ...more }));
    if (route === state.route) take(docs, null);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    if (route === state.route) take({}, error);
    if (PASSING.has(error.what)) later = setTimeout(refresh, AGAIN_MS);
  } finally {
    asking = false;
    lastRound = Date.now();
  }
  if (wanted || route !== state.route) {
    wanted = false;
    refresh({ now: route !== state.route });
  }
}

async function answers(asked) {
  const names = Object.keys(asked);
  const found = await Promise.all(
    names.map((name) => (OPTIONAL.has(name) ? asked[name].catch(() => null) : asked[name])),
  );
  return Object.fromEntries(names.map((name, number) => [name, found[number]]));
}

function take(docs, error) {
  Object.assign(state.docs, docs);
  state.error = error;
  if (!error) state.fetched = Date.now();
  const { job } = state.docs;
  if (state.route.page === "job" && job?.report?.unmet && !state.proving) {
    state.proving = new Proving(job.explanation.key, draw);
  }
  draw();
}

// -- drawing

const pages = { overview: overviewPage, job: jobPage, cluster: clusterPage, group: groupPage, decision: decisionPage };
const main = document.getElementById("main");

function draw() {
  state.width = main.clientWidth;
  header(state);
  banner(state);
  const { page } = state.route;
  const ready = page === "overview" ? state.docs.queue : state.docs[page];
  const trouble = state.error ? failed(state.error) : null;
  if (ready) show(main, trouble, pages[page](state));
  else if (trouble) show(main, h("h1", { id: "title", tabindex: "-1", class: "lost" }, state.route.id || "No answer"), trouble);
}

// -- where we are

function routeOf(hash) {
  const [page, ...rest] = hash.replace(/^#\/?/, "").split("/");
  if (Object.hasOwn(pages, page) && page !== "overview" && rest.length) {
    return { page, id: decoded(rest.join("/")), section: "" };
  }
  return { page: "overview", id: "", section: /^[a-z]+$/.test(page) ? page : "" };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function follow() {
  const before = state.route;
  const first = before.page === "";
  const route = routeOf(location.hash);
  const same = before.page === route.page && before.id === route.id;
  state.route = route;
  if (!same) {
    if (route.page !== "overview") delete state.docs[route.page];
    for (const name of ["members", "held", "candidates"]) Object.assign(state.lists[name], { search: "", offset: 0 });
    state.proving?.stop();
    state.proving = null;
    state.error = null;
    if (route.page === "overview") draw();
    await refresh({ now: true });
  }
  document.title = [route.id, state.docs.overview?.federation, "fedsched"].filter(Boolean).join(" · ");
  if (!first || route.section) settle(route, same); // who has just come begins at the top
}

// The reader stands where the new page begins, with eyes, keyboard or ears.
function settle(route, same) {
  const target = document.getElementById(route.section ? `${route.section}-title` : "title");
  if (!target) return;
  target.focus({ preventScroll: true });
  if (route.section) target.scrollIntoView();
  else if (!same) scrollTo(0, 0);
}

// -- what people do

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (!button || button.getAttribute("aria-disabled") === "true") return;
  const { do: what, of, to } = button.dataset;
  if (what === "page") turn(of, Number(to));
  if (what === "users") {
    Object.assign(state.lists.shares, { users: !state.lists.shares.users, offset: 0 });
    draw();
  }
  if (what === "prove") state.proving?.again();
  if (what === "retry") live.start();
});

function turn(of, offset) {
  state.lists[of].offset = offset;
  if (of === "queue") refresh({ now: true }).then(() => tell(of));
  else {
    draw();
    tell(of);
  }
}

let typing = 0;
document.addEventListener("input", (event) => {
  const { do: what, of } = event.target.dataset ?? {};
  if (what !== "search" && what !== "state") return;
  Object.assign(state.lists[of], { [what]: event.target.value, offset: 0 });
  clearTimeout(typing);
  typing = setTimeout(() => turn(of, 0), what === "search" ? TYPING_MS : 0);
});

document.getElementById("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const job = document.getElementById("ask-job").value.trim();
  if (job) location.hash = `#/job/${encodeURIComponent(job)}`;
});

function tell(of) {
  const shown = main.querySelector(`[data-key="pager-${of}"] .quiet`);
  if (shown) said(`${of}: ${shown.textContent}`);
}

// -- going on

const live = new Live(() => refresh(), (up) => {
  state.live = up;
  said(up ? "Live." : "Not live: the connection to the daemon is lost; trying again.");
  if (up) refresh({ now: true });
  else draw();
});

document.addEventListener("visibilitychange", () => document.hidden || refresh({ now: true }));
addEventListener("hashchange", follow);
new ResizeObserver(() => main.clientWidth !== state.width && state.docs.overview && draw()).observe(main);
setInterval(() => header(state), TICK_MS);

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address keeps saying which page this is
  main.focus();
});

state.route = { page: "", id: "", section: "" };
live.start();
follow();
