import type { Ask, Transaction } from "@throughline/log";
import { type AppendResult, toEntries } from "./append-to-stream.ts";
import { appendTogether, type Part } from "./append-together.ts";
import type { Decision } from "./decide.ts";
import type { Decider } from "./decider.ts";
import { type Loaded, loadForDecision } from "./load-state.ts";
import type { Event, Metadata } from "./recorded-event.ts";
import { inPresentVersion } from "./upcast.ts";

/** Commands that all make happen what they do, or none of them does. */
export type Work<Command> = {
  readonly commands: readonly {
    readonly streamId: string;
    readonly command: Command;
    /** That of the first event, if it has one, where the command has an id: by it the command is known again. */
    readonly firstEventId: string | null;
  }[];
  readonly commandId: string | undefined;
  readonly metadata: Metadata;
};

/** What came of a command; of one that was told again, where the events of its first time begin. */
export type Decided<Told extends Event, State> =
  | Decision<Told, State>
  | { readonly streamId: string; readonly repeatedFrom: number };

type Outcome<Told extends Event, State> = PromiseSettledResult<readonly Decided<Told, State>[]>;

/** An entity as this transaction will leave it. */
type Entity<Told extends Event, State> = Loaded<State> & {
  readonly streamId: string;
  /** The version that was loaded. */
  readonly expected: number;
  readonly snapshotVersion: number;
  /** Where the events of a command begin, by the id of the first. */
  readonly begun: ReadonlyMap<string, number>;
  /** What is to be appended: one for each command that makes something happen. */
  readonly parts: readonly Part<Told>[];
};

type Asking<Command, Told extends Event, State> = Ask<Work<Command>, Outcome<Told, State>>;

const known = new WeakMap<object, unknown>();

/** For `askTogether`: what is told to entities of one kind in one turn of the event loop is decided together. */
export function decidingWith<Command, Told extends Event, State>(
  decider: Decider<Command, Told, State>,
): Asking<Command, Told, State> {
  const deciding = (known.get(decider) as Asking<Command, Told, State> | undefined) ?? decideInTurn;
  known.set(decider, deciding);
  return deciding;

  function decideInTurn(tx: Transaction, works: readonly Work<Command>[]) {
    return inTurn(tx, () => decideTogether(tx, decider, works));
  }
}

const turns = new WeakMap<Transaction, Promise<unknown>>();

/** Nobody loads what those before are about to change. */
function inTurn<Result>(tx: Transaction, run: () => Promise<Result>): Promise<Result> {
  const turn = (turns.get(tx) ?? Promise.resolve()).then(run);
  turns.set(tx, Promise.allSettled([turn]));
  return turn;
}

/** One statement loads and locks, the commands are decided in memory in their order, and one statement appends. */
async function decideTogether<Command, Told extends Event, State>(
  tx: Transaction,
  decider: Decider<Command, Told, State>,
  works: readonly Work<Command>[],
): Promise<Outcome<Told, State>[]> {
  const entities = await lockEntities(tx, decider, works);
  const tried = works.map((work) => decideAll(decider, entities, work));
  const changed = [...entities.values()].filter(({ parts }) => parts.length > 0);
  const appends = changed.map((entity) => ({
    ...{ streamId: entity.streamId, type: decider.type, expected: entity.expected, parts: entity.parts },
    snapshot: isSnapshotDue(decider, entity)
      ? { state: entity.state, stateVersion: decider.stateVersion ?? 1 }
      : undefined,
  }));
  const appended = await appendTogether(tx, appends);
  return tried.map((one) =>
    one.status === "rejected" ? one : { ...one, value: one.value.map((draft) => toDecided(draft, appended)) },
  );
}

async function lockEntities<Command, Told extends Event, State>(
  tx: Transaction,
  decider: Decider<Command, Told, State>,
  works: readonly Work<Command>[],
): Promise<Map<string, Entity<Told, State>>> {
  const asked = new Map<string, { readonly streamId: string; readonly firstEventId: string | null }>();
  for (const { streamId, firstEventId } of works.flatMap(({ commands }) => commands)) {
    asked.set(firstEventId ?? streamId, { streamId, firstEventId });
  }
  const rows = await loadForDecision(tx, decider, [...asked.values()]);
  const entities = new Map<string, Entity<Told, State>>();
  for (const [nth, { streamId, firstEventId }] of [...asked.values()].entries()) {
    const { repeatedFrom, ...row } = rows[nth] as (typeof rows)[number];
    const entity = entities.get(streamId) ?? { ...row, streamId, expected: row.version, begun: new Map(), parts: [] };
    const begun = firstEventId !== null && repeatedFrom !== undefined ? [[firstEventId, repeatedFrom] as const] : [];
    entities.set(streamId, { ...entity, begun: new Map([...entity.begun, ...begun]) });
  }
  return entities;
}

/** What a command wants to happen: which part of an append it is, or none. */
type Draft<State> =
  | (Loaded<State> & { readonly streamId: string; readonly part: number | undefined })
  | { readonly streamId: string; readonly repeatedFrom: number };

/** Leaves the entities as they were where one of the commands is forbidden. */
function decideAll<Command, Told extends Event, State>(
  decider: Decider<Command, Told, State>,
  entities: Map<string, Entity<Told, State>>,
  { commands, ...work }: Work<Command>,
): PromiseSettledResult<readonly Draft<State>[]> {
  const changed = new Map<string, Entity<Told, State>>();
  const entityOf = (streamId: string) => changed.get(streamId) ?? (entities.get(streamId) as Entity<Told, State>);
  try {
    const drafts = commands.map((one) => {
      const { draft, after } = decideOne(decider, entityOf(one.streamId), one, work);
      changed.set(one.streamId, after);
      return draft;
    });
    for (const [streamId, entity] of changed) entities.set(streamId, entity);
    return { status: "fulfilled", value: drafts };
  } catch (reason) {
    return { status: "rejected", reason };
  }
}

function decideOne<Command, Told extends Event, State>(
  decider: Decider<Command, Told, State>,
  before: Entity<Told, State>,
  { command, firstEventId }: Work<Command>["commands"][number],
  { commandId, metadata }: Omit<Work<Command>, "commands">,
): { readonly draft: Draft<State>; readonly after: Entity<Told, State> } {
  const { streamId, begun, parts } = before;
  const repeatedFrom = firstEventId === null ? undefined : begun.get(firstEventId);
  if (repeatedFrom !== undefined) return { draft: { streamId, repeatedFrom }, after: before };
  const entries = toEntries(streamId, inPresentVersion(decider, decider.decide(command, before.state)), commandId);
  if (entries.length === 0) return { draft: { ...before, part: undefined }, after: before };
  const state = entries.reduce((folded, event) => decider.evolve(folded, event), before.state);
  const version = before.version + entries.length;
  return {
    draft: { streamId, state, version, part: parts.length },
    after: {
      ...{ ...before, state, version },
      begun: firstEventId === null ? begun : new Map([...begun, [firstEventId, before.version + 1]]),
      parts: [...parts, { entries, metadata }],
    },
  };
}

function isSnapshotDue<Told extends Event, State>(
  { snapshotEvery = Number.POSITIVE_INFINITY }: { readonly snapshotEvery?: number },
  { version, snapshotVersion }: Entity<Told, State>,
): boolean {
  return version - snapshotVersion >= snapshotEvery;
}

function toDecided<Told extends Event, State>(
  draft: Draft<State>,
  appended: ReadonlyMap<string, readonly AppendResult<Told>[]>,
): Decided<Told, State> {
  if ("repeatedFrom" in draft) return draft;
  const { streamId, state, version, part } = draft;
  if (part === undefined) return { state, version, events: [] };
  const result = appended.get(streamId)?.[part] as AppendResult<Told>;
  if (result.repeatedFrom !== undefined) return { streamId, repeatedFrom: result.repeatedFrom };
  return { state, version, events: result.appended };
}
