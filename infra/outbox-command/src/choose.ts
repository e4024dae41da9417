import { type DestinationState, readStates } from "@throughline/outbox/operation";
import type { Outbox } from "./open-outboxes.ts";

/** A destination of one outbox, as it stands. */
export type Chosen = Outbox & { readonly state: DestinationState };

/** The one outbox that has had this destination. Throws where there is none, or several. */
export async function choose(outboxes: readonly Outbox[], destination: string): Promise<Chosen> {
  const states = await Promise.all(outboxes.map(async (each) => ({ each, all: await readStates(each.database) })));
  const found = states.flatMap(({ each, all }) =>
    all.filter((state) => state.destination === destination).map((state) => ({ ...each, state })),
  );
  const [chosen, ...others] = found;
  if (chosen !== undefined && others.length === 0) return chosen;
  const services = found.map(({ service }) => service).join("|");
  if (chosen !== undefined) throw new Error(`Several services publish to ${destination}: say --service ${services}`);
  const known = [...new Set(states.flatMap(({ all }) => all.map((state) => state.destination)))].join(", ") || "none";
  throw new Error(`Nobody here has published to ${destination}; the destinations are ${known}`);
}
