import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";

type Span = {
  readonly traceId: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly service: string;
};

/** Milliseconds by hop, `whole` among them, in no order. */
export type Durations = Readonly<Record<string, readonly number[]>>;

export type Collector = AsyncDisposable & {
  readonly url: string;
  /** Waits until each of these traces has come to its last view, and forgets them. Rejects after a minute. */
  settled(traceIds: readonly string[]): Promise<Durations>;
};

/** Takes spans by OTLP over HTTP, as JSON. */
export async function startCollector(): Promise<Collector> {
  const traces = new Map<string, Span[]>();
  const server = createServer(async (request, response) => {
    for (const span of spansIn(await text(request))) {
      const trace = traces.get(span.traceId) ?? [];
      traces.set(span.traceId, trace);
      trace.push(span);
    }
    response.setHeader("content-type", "application/json").end("{}");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async settled(traceIds) {
      const deadline = performance.now() + 60_000;
      const isOpen = (id: string) => !traces.get(id)?.some(isLast);
      while (traceIds.some(isOpen)) {
        if (performance.now() > deadline) throw new Error(`${traceIds.filter(isOpen).length} orders did not end`);
        await pause(100);
      }
      const spans = traceIds.map((id) => traces.get(id) ?? []);
      for (const id of traceIds) traces.delete(id);
      return durationsOf(spans);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

type Export = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: object }[] };
    readonly scopeSpans: readonly { readonly spans: readonly Omit<Span, "service">[] }[];
  }[];
};

function spansIn(body: string): Span[] {
  const { resourceSpans = [] } = JSON.parse(body) as Partial<Export>;
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const name = resource.attributes.find(({ key }) => key === "service.name")?.value as { stringValue?: string };
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, service: name?.stringValue ?? "" })));
  });
}

/** Of an order that completes, this comes last. */
function isLast({ service, name }: Span): boolean {
  return service === "analytics" && name.endsWith("order.completed");
}

function durationsOf(traces: readonly (readonly Span[])[]): Durations {
  const all = traces.flat();
  const ofHop = (isOfHop: (name: string) => boolean) => all.filter(({ name }) => isOfHop(name)).map(millisecondsOf);
  return {
    whole: traces.map((spans) => {
      const [from, to] = [spans.find(({ name }) => name === "POST /orders"), spans.findLast(isLast)];
      return from && to ? millisecondsOf({ ...to, startTimeUnixNano: from.startTimeUnixNano }) : Number.NaN;
    }),
    POST: ofHop((name) => name === "POST /orders"),
    "wait outbox": ofHop((name) => name === "wait outbox"),
    publish: ofHop((name) => name.startsWith("publish ")),
    "wait broker": ofHop((name) => name === "wait broker"),
    process: ofHop((name) => name.startsWith("process ")),
  };
}

function millisecondsOf({
  startTimeUnixNano: from,
  endTimeUnixNano: to,
}: Pick<Span, `${"start" | "end"}TimeUnixNano`>) {
  return Number(BigInt(to) - BigInt(from)) / 1e6;
}
