const dayMs = 24 * 60 * 60 * 1_000;
const form = "a day (2026-02-28) or a moment in UTC (2026-02-28T14:30:00Z)";

/** From and, excluded, to: when messages were made, in UTC. */
export type Period = { readonly from: Date; readonly to: Date };

/** Without words: yesterday and today, up to now. A day as the end is meant whole. Throws where it is no period. */
export function periodOf(from: string | undefined, to: string | undefined, now: Date): Period {
  const today = Math.floor(now.getTime() / dayMs) * dayMs;
  const period = {
    from: from === undefined ? new Date(today - dayMs) : momentOf("--from", from, 0),
    to: to === undefined ? now : momentOf("--to", to, dayMs),
  };
  if (period.from < period.to) return period;
  throw new Error(`--from is ${period.from.toISOString()}, which is not before ${period.to.toISOString()}, the end`);
}

function momentOf(option: string, text: string, endOfDayMs: number): Date {
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text);
  const isMoment = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z$/.test(text);
  const moment = new Date(text);
  // A day that no month has is another day to some, and none to others.
  const isReal = !Number.isNaN(moment.getTime()) && moment.toISOString().startsWith(text.slice(0, 10));
  if (!(isDay || isMoment) || !isReal) throw new Error(`${option} is "${text}": expected ${form}`);
  return new Date(moment.getTime() + (isDay ? endOfDayMs : 0));
}

/** With a day before and after, because the clocks by which a message and its memory have their day may differ. */
export function widen({ from, to }: Period): Period {
  return { from: new Date(from.getTime() - dayMs), to: new Date(to.getTime() + dayMs) };
}

export function isIn({ from, to }: Period, moment: Date): boolean {
  return moment >= from && moment < to;
}

/** The moment in a UUIDv7; undefined where it is none. */
export function momentIn(id: string): Date | undefined {
  return id[14] === "7" ? new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)) : undefined;
}
