import { type DestinationState, isForgotten, mostCounted, readStates } from "@throughline/outbox/operation";
import { colors, table } from "@throughline/terminal";
import type { Answer } from "./answer.ts";
import type { Outbox } from "./open-outboxes.ts";

type Line = DestinationState & { readonly service: string; readonly isForgotten: boolean };

/** Every destination of every outbox: what waits for it, and what holds it back. */
export async function tellStatus(outboxes: readonly Outbox[]): Promise<Answer> {
  const perOutbox = await Promise.all(
    outboxes.map(async ({ service, database }) =>
      (await readStates(database)).map((state): Line => ({ service, ...state, isForgotten: isForgotten(state) })),
    ),
  );
  const lines = perOutbox.flat();
  if (lines.length === 0) return { text: "No relay has ever run.", json: [] };
  const head = ["service", "destination", "waiting", "oldest", "lag", "lanes", "parked", "dead", "held back by"];
  return { text: table(head, lines.map(toRow)), json: lines };
}

function toRow(line: Line): string[] {
  const { service, destination, waiting, oldestMs, lag, lanes, heldLanes, parked, parkedKeys, dead } = line;
  return [
    ...[
      service,
      destination,
      waiting < mostCounted ? String(waiting) : `${mostCounted} or more`,
      waiting > 0 ? toAge(oldestMs) : "-",
      String(lag),
    ],
    ...[`${heldLanes} of ${lanes} held`, parked > 0 ? `${parked} in ${parkedKeys} keys` : "0", String(dead)],
    holdUpOf(line),
  ];
}

function holdUpOf({ isForgotten: isLeft, heldBackBy, parkedKeys, waiting }: Line): string {
  const holder =
    heldBackBy === undefined
      ? []
      : [`a transaction open for ${toAge(heldBackBy.ageMs)}, ${heldBackBy.state}, pid ${heldBackBy.pid ?? "-"}`];
  const reasons = [
    ...(isLeft ? [colors.red("no relay has it")] : []),
    ...(waiting > 0 ? holder : []),
    ...(parkedKeys > 0 ? ["refused messages"] : []),
  ];
  return reasons.join("; ") || "-";
}

/** With one unit, which is enough to know what to do. */
function toAge(ms: number): string {
  const units = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1_000, "s"],
  ] as const;
  const [size, unit] = units.find(([each]) => ms >= each) ?? [1, "ms"];
  return `${Math.floor(ms / size)} ${unit}`;
}
