// Numbers, durations, times and resources as people read them.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const TENTH = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const MONEY = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const FINE = new Intl.NumberFormat("en", { maximumFractionDigits: 4 });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const FINE_CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export const count = (number) => WHOLE.format(number ?? 0);
export const amount = (number) => (Math.abs(number ?? 0) < 100 ? TENTH : WHOLE).format(number ?? 0);
export const short = (number) => (Math.abs(number ?? 0) < 100_000 ? amount(number) : SHORT.format(number));
export const money = (number) => MONEY.format(number ?? 0);
export const price = (number) => FINE.format(number ?? 0);
export const percent = (part) => `${TENTH.format(100 * (part ?? 0))} %`;
export const many = (number, one, more) => `${count(number)} ${number === 1 ? one : (more ?? `${one}s`)}`;

// At most two units, as the command line says it.
export function age(seconds) {
  const whole = Math.max(0, Math.round(seconds ?? 0));
  if (whole < 100) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

export const clock = (at) => CLOCK.format(new Date(at * 1000));
export const fineClock = (at) => FINE_CLOCK.format(new Date(at * 1000));
export const day = (at) => DAY.format(new Date(at * 1000));
export const iso = (at) => new Date(at * 1000).toISOString();

export const cores = (milli) => amount((milli ?? 0) / 1000);
export const memory = (mib) => ((mib ?? 0) < 1024 ? `${count(mib)} MiB` : `${amount(mib / 1024)} GiB`);

// A request: cores and memory always, the rest where it is asked for.
export function request(of) {
  const parts = [`${cores(of.cpu_milli)} ${of.cpu_milli === 1000 ? "core" : "cores"}`, memory(of.memory_mib)];
  if (of.gpus) parts.push(many(of.gpus, "GPU"));
  for (const [name, value] of of.other ?? []) parts.push(`${count(value)} ${name}`);
  return parts.join(" · ");
}

export const who = (principal) => (principal.group ? `${principal.group}.${principal.user}` : principal.user);
