import type { Envelope } from "@throughline/envelope";
import { createAgeMeasure, PublishError, type Publisher, type Transport } from "@throughline/transport";
import { tracePublication } from "./trace.ts";

/** A transport as a relay sees it: connected when it is first needed, and again when that failed. */
export type Destination = AsyncDisposable & {
  readonly name: string;
  /** Envelopes that its broker took since the relay started. */
  readonly publishedTotal: number;
  /** Why the last publication is not known to be with its broker; absent where it is. */
  readonly failure?: string | undefined;
  publish(envelopes: readonly Envelope[]): Promise<Outcome>;
};

/** What a broker may lack after a publish, by envelope id; all else it has. */
export type Outcome = {
  /** It said no to these. */
  readonly refused: ReadonlyMap<string, Error>;
  /** The fate of these is unknown, or they were never sent. */
  readonly unknown: ReadonlyMap<string, Error>;
};

export function createDestination(transport: Transport): Destination {
  let connection: Promise<Publisher> | undefined;
  let publishedTotal = 0;
  let failure: string | undefined;
  const measureAge = createAgeMeasure("throughline.outbox.age", {
    description: "From the writing of a message until a broker has it",
    attributes: { "throughline.destination": transport.name },
  });

  async function connect(): Promise<Publisher> {
    connection ??= transport.connectPublisher();
    try {
      return await connection;
    } catch (error) {
      connection = undefined;
      throw error;
    }
  }

  return {
    name: transport.name,
    get publishedTotal() {
      return publishedTotal;
    },
    get failure() {
      return failure;
    },
    async publish(envelopes) {
      const startedAt = Date.now();
      const outcome = await attempt(connect, envelopes);
      const [error] = outcome.unknown.values();
      failure = error && reasonOf(error);
      publishedTotal += envelopes.length - outcome.refused.size - outcome.unknown.size;
      const settled = outcome.unknown.size === 0 ? envelopes : envelopes.filter(({ id }) => !outcome.unknown.has(id));
      for (const { id, timestamp } of settled) if (!outcome.refused.has(id)) measureAge(timestamp);
      tracePublication(transport, settled, startedAt, outcome.refused);
      return outcome;
    },
    async [Symbol.asyncDispose]() {
      if (connection) await (await connection)[Symbol.asyncDispose]();
    },
  };
}

/** An error with its causes, which say what to look at. */
function reasonOf(error: Error, seen = new Set<unknown>()): string {
  const { message, cause } = error;
  seen.add(error);
  return cause instanceof Error && !seen.has(cause) ? `${message}: ${reasonOf(cause, seen)}` : message;
}

async function attempt(connect: () => Promise<Publisher>, envelopes: readonly Envelope[]): Promise<Outcome> {
  try {
    const publisher = await connect();
    await publisher.publish(envelopes);
    return { refused: new Map(), unknown: new Map() };
  } catch (thrown) {
    if (thrown instanceof PublishError) return toOutcome(thrown);
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    return { refused: new Map(), unknown: new Map(envelopes.map(({ id }) => [id, error])) };
  }
}

function toOutcome({ failures }: PublishError): Outcome {
  const named = (refused: boolean) =>
    failures.filter((failure) => failure.refused === refused).map(({ id, cause }) => [id, cause] as const);
  return { refused: new Map(named(true)), unknown: new Map(named(false)) };
}
