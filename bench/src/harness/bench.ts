import type { Tally } from "./tally.ts";

/** One comparison: who takes part, what is measured, and what it is to show. */
export type Bench = {
  /** Its folder, and its name on the command line. */
  readonly name: string;
  /** What is measured, in a sentence. */
  readonly about: string;
  /** Files of its folder, each exporting `measure`. The first is the probe: where it is another, so was the machine. */
  readonly contenders: readonly [string, ...string[]];
  /** What the contenders tell, and its unit. The first is drawn, and is what the probe is judged by. */
  readonly figures: readonly [Figure, ...Figure[]];
  readonly goals: readonly Goal[];
  /** False where each round is cold by itself. Default: true, a round before those that count. */
  readonly warmsUp?: boolean;
  /** The brokers besides Postgres that it needs. Default: none. */
  readonly needs?: readonly ("kafka" | "rabbitmq")[];
};

export type Figure = { readonly name: string; readonly unit: string };

/** A figure of `of`, or its ratio to that of `than` in the same round, that is at least or at most so much. */
export type Goal = {
  readonly id: string;
  readonly figure: string;
  readonly of: string;
  readonly than?: { readonly contender?: string; readonly figure?: string };
  /** Holds in the worst of all rounds, the void ones too, for what may not happen even once. Default: in the median. */
  readonly inEveryRound?: boolean;
} & ({ readonly atLeast: number } | { readonly atMost: number });

/** What a contender works on in one round: a database of its own, empty, and the brokers under a fresh namespace. */
export type Place = {
  readonly databaseUrl: string;
  readonly namespace: string;
  readonly snsSqs: string;
  readonly kafka?: string;
  readonly rabbitmq?: string;
};

/** What a contender measured, and the tallies that say whether nothing was lost and nothing came twice. */
export type Round = {
  readonly figures: Readonly<Record<string, number>>;
  readonly tallies: readonly Tally[];
};

/** What every contender's file exports: sets up, loads, measures and closes; only measuring is on the clock. */
export type Measure = (place: Place) => Promise<Round>;

/** What a contender's process answers: figures, or why there are none. */
export type Answer = { readonly figures: Readonly<Record<string, number>> } | { readonly refused: string };
