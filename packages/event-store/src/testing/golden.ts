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
 * Where states are kept, it has one of those, too, `state.1.json`: by event type, the state after the commands for it.
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
  const state = decider.snapshotEvery === undefined ? [] : [`state.${decider.stateVersion ?? 1}.json`];
  const files = [...versions.map(({ type, version }) => `${type}.${version}.json`), ...state];
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
        const told = make(decider, makings[type]).told.find((event) => event.type === type);
        deepStrictEqual(toJson(told?.data), written, howToChange(type));
      },
    })),
    ...state.map((file) => ({
      name: `a kept state of ${decider.type} is JSON, and is what its golden file says`,
      run() {
        const states = Object.fromEntries(types.map((type) => [type, make(decider, makings[type]).state]));
        deepStrictEqual(states, toJson(states), "A state that is kept must be JSON");
        deepStrictEqual(states, readJson(folder, file), howToChangeState);
      },
    })),
  ];
}

const howToChange = (type: string) =>
  `${type} is not written as before. A new shape is a new version: give the decider a step from the last one to it, and ` +
  "the version a golden file.";

const howToChangeState =
  "States come out otherwise than those that are kept. Raise stateVersion, so that these are not used any more, and " +
  "write the golden file of the new version in place of the old one.";

type Golden = { readonly written: unknown; readonly read?: unknown };

function readGolden(folder: string, type: string, version: number): Golden {
  return readJson(folder, `${type}.${version}.json`) as Golden;
}

function readJson(folder: string, file: string): unknown {
  ok(existsSync(join(folder, file)), `There is no golden file ${file}`);
  return JSON.parse(readFileSync(join(folder, file), "utf8"));
}

/** The state after the commands, and what the last of them made happen. */
function make<Command, Told extends Event, State>(
  decider: Decider<Command, Told, State>,
  commands: readonly Command[],
) {
  let state = decider.initialState;
  let told: readonly Told[] = [];
  for (const command of commands) {
    told = decider.decide(command, state);
    state = told.reduce(decider.evolve, state);
  }
  return { state, told };
}

const toJson = (data: unknown): unknown => JSON.parse(JSON.stringify(data ?? null));
