import { z } from "zod";
import { type Address, get } from "./snapshot.ts";
import type { Span } from "./spans.ts";

/** A span at its place in the tree, with the time that its message waited before. Milliseconds from the first span. */
export type Step = {
  readonly span: Span;
  readonly depth: number;
  readonly startMs: number;
  readonly durationMs: number;
  /** In the outbox before it was published, or with the broker before it was handled. */
  readonly waitedMs?: number;
};

export type Story = {
  readonly order: Order;
  readonly events: readonly z.infer<typeof event>[];
  /** Depth first, each before those that it caused. Empty where no spans were received. */
  readonly steps: readonly Step[];
};

type Order = z.infer<typeof orderSchema>;

const orderSchema = z.object({
  ...{ orderId: z.string(), customerId: z.string(), status: z.string(), reason: z.string().optional() },
  ...{ payment: z.string(), stock: z.string(), currency: z.string(), totalInCents: z.number(), placedAt: z.string() },
});
const event = z.object({ version: z.number(), type: z.string(), at: z.string(), data: z.unknown() });
const historySchema = z.object({ events: z.array(event) });

export type Question = {
  readonly orderId: string;
  readonly spans: readonly Span[];
  readonly token?: string | undefined;
};

/** Undefined where there is no such order. Throws where the order service does not answer. */
export async function tellStory(order: Address, { orderId, spans, token }: Question): Promise<Story | undefined> {
  const path = `/orders/${encodeURIComponent(orderId)}`;
  const [found, history] = await Promise.all([get(order, path, token), get(order, `${path}/history`, token)]);
  if (found.status === 404) return undefined;
  return {
    order: orderSchema.parse(await found.json()),
    events: historySchema.parse(await history.json()).events,
    steps: stepsOf(spans),
  };
}

export function stepsOf(spans: readonly Span[]): Step[] {
  const inTime = spans.toSorted((one, other) => one.startMs - other.startMs);
  const begin = inTime[0]?.startMs ?? 0;
  const known = new Set(spans.map(({ spanId }) => spanId));
  const isChild = ({ parentSpanId }: Span) => parentSpanId !== undefined && known.has(parentSpanId);
  const byParent = Map.groupBy(inTime.filter(isChild), ({ parentSpanId }) => parentSpanId);
  const published = Map.groupBy(
    inTime.filter((span) => operationOf(span) === "publish"),
    messageOf,
  );
  const stepsFrom = (span: Span, depth: number): Step[] => {
    const waitedMs = waitedBefore(span, published.get(messageOf(span)) ?? []);
    const step = { span, depth, startMs: span.startMs - begin, durationMs: span.endMs - span.startMs };
    const below = (byParent.get(span.spanId) ?? []).flatMap((child) => stepsFrom(child, depth + 1));
    return [{ ...step, ...(waitedMs !== undefined && { waitedMs }) }, ...below];
  };
  return inTime.filter((span) => !isChild(span)).flatMap((root) => stepsFrom(root, 0));
}

function waitedBefore(span: Span, publications: readonly Span[]): number | undefined {
  const inOutbox = span.attributes["throughline.outbox.waited_ms"];
  if (typeof inOutbox === "number") return inOutbox;
  if (operationOf(span) !== "process") return undefined;
  const last = publications.findLast(({ endMs }) => endMs <= span.startMs);
  return last === undefined ? undefined : span.startMs - last.endMs;
}

function operationOf({ attributes }: Span) {
  return attributes["messaging.operation.name"];
}

function messageOf({ attributes }: Span) {
  return attributes["messaging.message.id"];
}
