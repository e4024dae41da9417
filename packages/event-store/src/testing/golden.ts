import { deepStrictEqual, ok } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Decider } from "../decider.ts";
import type { Event } from "../recorded-event.ts";
import { schemaVersionOf, upcast } from "../upcast.ts";

/** For each type of event, commands to a new entity of which the last makes it happen. The type checker misses none. */
export type Makings<Command, Told extends Event> = { readonly [Type in Told["type"]]: readonly Command[] };

/**
 * One case for each promise about a decider's golden files. `folder` has one for every version of every event there ever
 * was, `placed.1.json`: its data as it was `written`, which is never edited, and as it is `read` today where that differs.
 *
 *     test.each(goldenCases(orders, folder, { placed: [place], … }))("$name", ({ run }) => run());
 */
export function goldenCases<Command, Told extends Event, State>(
  decider: Decider<Command, Told, State>,
  folder: string,
  makings: Makings<Command, Told>,
): { readonly name: string; readonly run: () => void }[] {
  const types = Object.keys(makings) as Told["type"][];
  const versions = types.flatMap((type) =>
    Array.from({ length: schemaVersionOf(decider, type) }, (_, index) => ({ type, version: index + 1 })),
  );
  const files = versions.map(({ type, version }) => `${type}.${version}.json`);
  return [
    {
      name: `every version of every event of ${decider.type} has its golden file, and no file is left over`,
      run: () => deepStrictEqual(readdirSync(folder).sort(), files.toSorted()),
    },
    ...versions.map(({ type, version }) => ({
      name: `${type} of version ${version} is read as its golden file says`,
      run() {
        const { written, read = written } = readGolden(folder, type, version);
        deepStrictEqual(upcast(decider, { type, schemaVersion: version, data: written }).data, read);
      },
    })),
    ...types.map((type) => ({
      name: `${type} is written as its newest golden file says`,
      run() {
        const { written } = readGolden(folder, type, schemaVersionOf(decider, type));
        deepStrictEqual(toJson(make(decider, makings[type], type)?.data), written, howToChange(type));
      },
    })),
  ];
}

const howToChange = (type: string) =>
  `${type} is not written as before. A new shape is a new version: give the decider a step from the last one to it, and ` +
  "the version a golden file.";

type Golden = { readonly written: unknown; readonly read?: unknown };

function readGolden(folder: string, type: string, version: number): Golden {
  const file = join(folder, `${type}.${version}.json`);
  ok(existsSync(file), `There is no golden file ${file}`);
  return JSON.parse(readFileSync(file, "utf8")) as Golden;
}

function make<Command, Told extends Event, State>(
  decider: Decider<Command, Told, State>,
  commands: readonly Command[],
  type: string,
): Told | undefined {
  let state = decider.initialState;
  let last: readonly Told[] = [];
  for (const command of commands) {
    last = decider.decide(command, state);
    state = last.reduce(decider.evolve, state);
  }
  return last.find((event) => event.type === type);
}

const toJson = (data: unknown): unknown => JSON.parse(JSON.stringify(data ?? null));
