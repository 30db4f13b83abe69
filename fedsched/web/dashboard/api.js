// Asking the daemon: all its addresses, answers as it gives them, and a question without an answer as an error.

const HERE = new URL("./", document.baseURI);
const PATIENCE_MS = 30_000;

// Raised for every question without an answer; hint: the next command, "" for none.
export class NoAnswer extends Error {
  constructor(what, text, hint = "") {
    super(text);
    this.what = what;
    this.hint = hint;
  }
}

async function get(path, parameters = {}) {
  const address = new URL(path, HERE);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== "" && value !== 0) address.searchParams.set(name, value);
  }
  let response;
  try {
    response = await fetch(address, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    throw new NoAnswer("unreachable", "The daemon does not answer.", "look whether `fedsched serve` runs");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw new NoAnswer(answer?.what ?? "refused", answer?.text ?? `The daemon says ${response.status}.`, answer?.hint);
}

const part = encodeURIComponent;

export const ask = {
  overview: () => get("api/v1/overview"),
  clusters: () => get("api/v1/clusters"),
  shares: () => get("api/v1/shares"),
  spikes: () => get("api/v1/spikes"),
  queue: (wanted) => get("api/v1/queue", wanted),
  job: (id) => get(`api/v1/explain/${part(id)}`),
  history: (id, since) => get(`api/v1/history/${part(id)}`, { since }),
  cluster: (name) => get(`api/v1/explain-cluster/${part(name)}`),
  group: (path) => get(`api/v1/explain-group/${part(path)}`),
  decision: (id) => get(`api/v1/explain-decision/${part(id)}`),
};

export const cycles = () => new EventSource(new URL("api/v1/cycles", HERE));
export const counterfactuals = (id) => new EventSource(new URL(`api/v1/explain/${part(id)}/counterfactuals`, HERE));
