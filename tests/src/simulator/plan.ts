import { createHash } from "node:crypto";
import { createRandom, type Random } from "./random.ts";

/** What a message makes its handlers do. */
export type Temper = "calm" | "flaky" | "poison" | "rejected" | "swallowing";
export type PlannedMessage = {
  readonly type: string;
  readonly key: string;
  readonly id: string;
  readonly temper: Temper;
};
export type PlannedOrder = {
  readonly id: string;
  readonly atMs: number;
  /** How long its transaction stays open after the messages are in. */
  readonly thinkMs: number;
  readonly isRolledBack: boolean;
  readonly messages: readonly PlannedMessage[];
};
export type Fault =
  | { readonly kind: "crash" | "restart"; readonly atMs: number; readonly actor: number; readonly forMs: number }
  | { readonly kind: "stop"; readonly atMs: number; readonly actor: number; readonly forMs: number }
  | { readonly kind: "postgres" | "kafka"; readonly atMs: number; readonly nth: number; readonly forMs: number };

/** All that happens in one run, but for the order in which it happens. */
export type Plan = {
  readonly orders: readonly PlannedOrder[];
  readonly faults: readonly Fault[];
  /** How often the broker refuses a message, by id. */
  readonly refusals: ReadonlyMap<string, number>;
  /** The chance that the broker loses a request, and as much for its answer. */
  readonly lossy: number;
  /** The chance that a connection to a database breaks at a statement, and as much for its answer. */
  readonly breaks: number;
  readonly lanes: number;
  readonly batchSize: number;
  /** Whether, at the end, everything is sent again. */
  readonly isReplayed: boolean;
};

/** Faults come until then; afterwards all is well again. */
export const chaosMs = 300;
/** Attempts after which a consumer sets a message aside. */
export const attempts = 3;
/** Refusals after which a relay gives a message up. */
export const tries = 3;

export function planRun(seed: number): Plan {
  const random = createRandom(seed ^ 0x5eed);
  const keys = ["a", "b", "c"].slice(0, 1 + random.below(3));
  // Two requests of one moment to one process share a transaction.
  const moments = Array.from({ length: 4 }, () => random.next());
  const orders = Array.from({ length: 3 + random.below(4) }, (_, nth): PlannedOrder => {
    const messages = Array.from({ length: 1 + random.below(3) }, (_, index) => ({
      type: random.chance(0.7) ? "order.created" : "order.cancelled",
      key: random.pick(keys),
      id: idOf(`${seed} ${nth} ${index}`),
      temper: random.chance(0.6)
        ? "calm"
        : random.pick<Temper>(["flaky", "flaky", "flaky", "poison", "rejected", "swallowing"]),
    }));
    return {
      id: `order-${nth}`,
      atMs: (moments[nth % 4] ?? 0) * chaosMs * 0.8,
      thinkMs: random.chance(0.3) ? random.next() * 40 : 0,
      isRolledBack: random.chance(0.1),
      messages,
    };
  });
  const faults = Array.from({ length: 1 + random.below(4) }, () => planFault(random)).flat();
  const refused = orders.flatMap(({ messages }) => messages).filter(() => random.chance(0.08));
  return {
    orders,
    faults,
    refusals: new Map(refused.map(({ id }) => [id, random.chance(0.5) ? 1 : Number.POSITIVE_INFINITY])),
    lossy: random.pick([0, 0.03, 0.1]),
    breaks: random.pick([0, 0.003, 0.01]),
    lanes: random.chance(0.8) ? 1 : 2,
    batchSize: random.pick([1, 2, 3, 100]),
    isReplayed: random.chance(0.2),
  };
}

function planFault(random: Random): Fault[] {
  const atMs = random.next() * chaosMs;
  const kind = random.pick<Fault["kind"]>(["crash", "crash", "restart", "stop", "postgres", "kafka"]);
  if (kind === "postgres" || kind === "kafka") {
    return [{ kind, atMs, nth: random.below(2), forMs: random.between(10, 150) }];
  }
  const actor = random.below(4);
  const fault: Fault = { kind, atMs, actor, forMs: random.between(20, kind === "stop" ? 700 : 150) };
  // A process that is told to end while its database is away has messages in hand that it cannot finish.
  const isTrapped = kind === "restart" && random.chance(0.5);
  return isTrapped ? [{ kind: "postgres", atMs: atMs - 2, nth: actor < 2 ? 0 : 1, forMs: 60 }, fault] : [fault];
}

/** A UUIDv7 that belongs to `name`. */
export function idOf(name: string): string {
  const hex = createHash("sha256").update(name).digest("hex");
  return `0197${hex.slice(0, 4)}-${hex.slice(4, 8)}-7${hex.slice(8, 11)}-8${hex.slice(11, 14)}-${hex.slice(14, 26)}`;
}
