import type { Decider, StoredEvent } from "./decider.ts";
import type { Event } from "./recorded-event.ts";

/**
 * An event with its data in the present shape, whenever it was written: what history is folded from, and what projections
 * and pages that show history should see. Throws where a newer program wrote it, which this one could only misread.
 */
export function upcast<Command, Told extends Event, State, Stored extends StoredEvent>(
  decider: Decider<Command, Told, State>,
  event: Stored,
): Stored & Told {
  const { type, schemaVersion: written } = event;
  const schemaVersion = schemaVersionOf(decider, type);
  if (written > schemaVersion) {
    throw new Error(`${decider.type}: ${type} is of version ${written}, and ${schemaVersion} is the newest known here`);
  }
  const steps = stepsOf(decider, type).slice(written - 1);
  return { ...event, schemaVersion, data: steps.reduce((data, step) => step(data as never), event.data) } as Stored &
    Told;
}

/** Events as they are written today. */
export function inPresentVersion<Told extends Event>(decider: Upcasting, told: readonly Told[]): Told[] {
  return told.map((event) => ({ ...event, schemaVersion: schemaVersionOf(decider, event.type) }));
}

/** The version in which events of this type are written today. */
export function schemaVersionOf(decider: Upcasting, type: string): number {
  return stepsOf(decider, type).length + 1;
}

type Upcasting = Pick<Decider<never, Event, never>, "upcasters">;

function stepsOf({ upcasters = {} }: Upcasting, type: string) {
  return upcasters[type] ?? [];
}
