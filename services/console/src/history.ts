import type { ServiceView, Snapshot } from "./snapshot.ts";

/** What waited at a place in the last minutes, the eldest first; undefined where the service did not answer. */
export type Course = readonly (number | undefined)[];

export type History = {
  note(snapshot: Snapshot): void;
  /** `outbox order kafka waiting`, `outbox order kafka oldest` in milliseconds, `group billing kafka waiting`. */
  of(name: string): Course;
};

/** A note each five seconds, for ten minutes. */
export const [noteEachMs, notes] = [5_000, 120];

/** Keeps the last notes of every place, in memory. */
export function createHistory(): History {
  const courses = new Map<string, (number | undefined)[]>();
  return {
    note(snapshot) {
      const noted = new Map(snapshot.services.flatMap(pointsOf));
      for (const name of new Set([...courses.keys(), ...noted.keys()])) {
        const course = courses.get(name) ?? [];
        course.push(noted.get(name));
        if (course.length > notes) course.shift();
        courses.set(name, course);
      }
    },
    of: (name) => courses.get(name) ?? [],
  };
}

function pointsOf({ name, status }: ServiceView): [name: string, value: number][] {
  if (status === undefined) return [];
  return [
    ...status.relay.flatMap(({ destination, waiting, oldestMs }): [string, number][] => [
      [`outbox ${name} ${destination} waiting`, waiting],
      [`outbox ${name} ${destination} oldest`, oldestMs],
    ]),
    ...status.consumers.flatMap(({ group, roads }) =>
      roads.map(({ road, waiting }): [string, number] => [`group ${group} ${road} waiting`, waiting]),
    ),
  ];
}
