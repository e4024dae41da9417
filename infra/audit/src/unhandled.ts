import type { Group } from "@throughline/contracts/topology";
import type { Finding } from "./finding.ts";
import type { Context } from "./judge.ts";
import type { Letter } from "./letters.ts";
import type { Standing, Told } from "./told.ts";

/** What may still become of a message that is stopped, the best first. */
const hopes = ["waiting", "dead", "settled"];
type Reason = Pick<Finding, "kind"> & { readonly why: string };

/** So long, a message may well be under way. */
const graceMs = 60_000;

/** Why a group has not handled a message, as far as anybody knows. */
export function unhandled(told: Told, { group, roads }: Group, context: Context): Finding[] {
  const { id, type, key, service, sequence, timestamp } = told;
  const { letters, standings, parked, now } = context;
  const finding = ({ kind, why }: Reason): Finding[] => [
    { kind, id, fault: `${type} ${sequence} of ${key}, for ${group}: ${why}` },
  ];
  const letter = letters.get(`${group} ${id}`);
  const settled = letter && reasonOf(letter, group, context);
  if (settled !== undefined) return finding(settled);
  if (parked.has(`${group} ${id}`)) return finding({ kind: "waiting", why: "parked behind a dead message of its key" });
  const used = roadsOf(told, roads, standings.get(service));
  const stops = used.map((road) => stopOn(road, told, group, context));
  // Where it is stopped on each of its roads, by the one on which it may still come; it needs no more than one.
  const [stop] = stops.includes(undefined) ? [] : hopes.flatMap((kind) => stops.filter((each) => each?.kind === kind));
  if (stop !== undefined) return finding(stop);
  if (now.getTime() - Date.parse(timestamp) < graceMs) return finding({ kind: "waiting", why: "not a minute old" });
  const again = letter ?? used.map((road) => letters.get(`outbox ${road} ${id}`)).find((each) => each !== undefined);
  return finding({ kind: "missing", why: `published by ${service}${again === undefined ? "" : laterOf(again)}` });
}

function laterOf({ name, replacedBy }: Letter): string {
  return replacedBy === null ? `, and sent again as ${name}` : `, and in its place ${replacedBy}, of letter ${name}`;
}

/** By which the service sends it to the group: those of the manifest, or where settings have moved them, those that it has. */
function roadsOf({ type }: Told, roads: readonly string[], standing: Standing | undefined): readonly string[] {
  const open = [...(standing?.passed.keys() ?? [])].filter(
    (road) => standing?.types.get(road)?.includes(type) !== false,
  );
  const used = roads.filter((road) => open.includes(road));
  return [used, open, roads].find(({ length }) => length > 0) ?? [];
}

/** Why a message has not left by a road; undefined where it has. */
function stopOn(road: string, told: Told, group: string, context: Context): Reason | undefined {
  const { letters, standings } = context;
  const { id, service, position, slot } = told;
  const standing = standings.get(service);
  const letter = letters.get(`outbox ${road} ${id}`);
  const refused = letter && reasonOf(letter, group, context);
  if (refused !== undefined) return refused;
  if (standing?.dead.has(`${road} ${id}`))
    return { kind: "dead", why: `the relay of ${service} gave it up, refused by ${road}` };
  if (standing?.parked.has(`${road} ${id}`))
    return { kind: "waiting", why: `parked for ${road} in the outbox of ${service}` };
  const lanes = standing?.passed.get(road) ?? [];
  const isPassed = (lanes[slot % lanes.length] ?? 0) >= position;
  return isPassed ? undefined : { kind: "waiting", why: `in the outbox of ${service}, at ${position}` };
}

/** What a letter says of its message; undefined where it was sent again, or another in its place, and did not arrive. */
function reasonOf(
  { name, state, replacedBy, replacedAt }: Letter,
  group: string,
  context: Context,
): Reason | undefined {
  if (state === "open" || state === "quarantined") return { kind: "dead", why: `letter ${name} is ${state}` };
  if (state === "discarded") return { kind: "settled", why: `letter ${name} was discarded` };
  if (state !== "replaced") return undefined;
  const other = `${group} ${replacedBy}`;
  if (context.corrected.has(other)) return { kind: "settled", why: `${replacedBy} went out in its place` };
  if (context.parked.has(other)) return { kind: "waiting", why: `${replacedBy}, in its place, is parked` };
  const next = context.letters.get(other);
  if (next !== undefined) return reasonOf(next, group, context);
  const isFresh = replacedAt !== null && context.now.getTime() - replacedAt.getTime() < graceMs;
  return isFresh ? { kind: "waiting", why: `${replacedBy} went out in its place within the last minute` } : undefined;
}
