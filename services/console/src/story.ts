import { z } from "zod";
import { gather } from "./desks.ts";
import { type Happenings, readHappenings } from "./happenings.ts";
import { type Address, get } from "./snapshot.ts";
import type { Span } from "./spans.ts";

/** A span at its place in the tree, with what its message waited for before. Milliseconds from the first span. */
export type Step = {
  readonly span: Span;
  readonly depth: number;
  readonly startMs: number;
  readonly durationMs: number;
  /** In the outbox before it was published; with the broker, for its next attempt or parked before it was handled. */
  readonly wait?: Span;
};

export type Story = Happenings & {
  readonly orderId: string;
  /** Undefined where the order service does not tell now. */
  readonly order: Order | undefined;
  /** Depth first, each before those that it caused. Empty where no spans were received. */
  readonly steps: readonly Step[];
};

/** Waits end in whole milliseconds. */
const clockMs = 5;

export type Order = z.infer<typeof orderSchema>;

const orderSchema = z.object({
  ...{ orderId: z.string(), customerId: z.string(), status: z.string(), reason: z.string().optional() },
  ...{ payment: z.string(), stock: z.string(), currency: z.string(), totalInCents: z.number(), placedAt: z.string() },
});

export type Question = {
  readonly orderId: string;
  readonly spans: readonly Span[];
  readonly token?: string | undefined;
};

/** Undefined where there is no such order. An order service that does not answer is among the silent. */
export async function tellStory(
  addresses: readonly Address[],
  { orderId, spans, token }: Question,
): Promise<Story | undefined> {
  const address = addresses.find(({ name }) => name === "order");
  if (address === undefined) return undefined;
  const [found, told] = await Promise.all([
    gather([{ service: "order", asked: readOrder(address, orderId, token) }]),
    readHappenings(addresses, orderId, token),
  ]);
  const [order] = found.answers;
  if (order === undefined && found.silent.length === 0) return undefined;
  const isNamed = told.silent.some(({ service }) => service === "order");
  const silent = isNamed ? told.silent : [...found.silent, ...told.silent];
  return { orderId, order, happenings: told.happenings, silent, steps: stepsOf(spans) };
}

/** None where there is no such order. */
async function readOrder(address: Address, orderId: string, token: string | undefined): Promise<Order[]> {
  const response = await get(address, `/orders/${encodeURIComponent(orderId)}`, token);
  if (response.status === 404) return [];
  if (!response.ok) throw new Error(`it answered ${response.status}`);
  return [orderSchema.parse(await response.json())];
}

export function stepsOf(spans: readonly Span[]): Step[] {
  const inTime = spans.toSorted((one, other) => one.startMs - other.startMs);
  const begin = inTime[0]?.startMs ?? 0;
  const known = new Set(spans.map(({ spanId }) => spanId));
  const isChild = ({ parentSpanId }: Span) => parentSpanId !== undefined && known.has(parentSpanId);
  const isBelow = (span: Span) => isChild(span) && !isWait(span);
  const byParent = Map.groupBy(inTime.filter(isBelow), ({ parentSpanId }) => parentSpanId);
  const waits = Map.groupBy(inTime.filter(isWait), messageOf);
  const stepsFrom = (span: Span, depth: number): Step[] => {
    const wait = waitBefore(span, waits.get(messageOf(span)) ?? []);
    const step = { span, depth, startMs: span.startMs - begin, durationMs: span.endMs - span.startMs };
    const below = (byParent.get(span.spanId) ?? []).flatMap((child) => stepsFrom(child, depth + 1));
    return [{ ...step, ...(wait && { wait }) }, ...below];
  };
  return inTime.filter((span) => !isChild(span) && !isWait(span)).flatMap((root) => stepsFrom(root, 0));
}

/** The wait that ended as this began. A message that several groups handle waits for each by itself. */
function waitBefore(span: Span, waits: readonly Span[]): Span | undefined {
  const ended = ({ service, endMs }: Span) => service === span.service && Math.abs(endMs - span.startMs) < clockMs;
  const elsewhere = operationOf(span) === "publish" ? "broker" : "outbox";
  return waits.findLast((one) => ended(one) && waitOf(one) !== elsewhere);
}

function isWait(span: Span): boolean {
  return waitOf(span) !== undefined;
}

function waitOf({ attributes }: Span) {
  return attributes["throughline.waited"];
}

function operationOf({ attributes }: Span) {
  return attributes["messaging.operation.name"];
}

function messageOf({ attributes }: Span) {
  return attributes["messaging.message.id"];
}
