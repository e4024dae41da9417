export type SentSpan = {
  /** Default: that of the order. */
  readonly traceId?: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly name: string;
  /** Milliseconds after the order was placed. */
  readonly from: number;
  readonly to: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly error?: string;
};

const written = { "throughline.key": "o-1", "messaging.message.id": "m-1", "messaging.operation.name": "create" };
const sent = {
  "messaging.message.id": "m-1",
  "messaging.operation.name": "publish",
  "throughline.destination": "kafka",
};
const handled = { "messaging.message.id": "m-1", "messaging.operation.name": "process", "messaging.system": "kafka" };
const waited = (where: string) => ({ "messaging.message.id": "m-1", "throughline.waited": where });
const again = {
  "messaging.operation.name": "replay",
  "messaging.destination.name": "billing",
  "throughline.by": "opa",
};
const asked = { "http.request.method": "POST", "url.path": "/orders", "http.response.status_code": 201 };
const typed = { "messaging.message.id": "m-1", "throughline.type": "order.created" };
const below = { parentSpanId: "b1" };
const died = { parentSpanId: "d3" };
const never = { error: "no: never" };

export const spansOfOrder: readonly SentSpan[] = [
  { spanId: "a1", name: "POST /orders", from: 0, to: 10, attributes: asked },
  { spanId: "b1", parentSpanId: "a1", name: "create order.created", from: 5, to: 6, attributes: written },
  { ...below, spanId: "b2", name: "wait outbox", from: 6, to: 20, attributes: waited("outbox") },
  { ...below, spanId: "c1", name: "publish order.created", from: 20, to: 30, attributes: sent },
];

export const spansOfBilling: readonly SentSpan[] = [
  { ...below, spanId: "c2", name: "wait broker", from: 30, to: 37, attributes: waited("broker") },
  { ...below, spanId: "d1", name: "process dev-billing", from: 37, to: 50, attributes: handled, error: "<no card>" },
  // Clocks differ: it ends a little before what it waited for begins.
  { ...below, spanId: "d2", name: "wait retry", from: 50, to: 988, attributes: waited("retry") },
  { ...below, spanId: "d3", name: "process dev-billing", from: 990, to: 1_000, attributes: handled, ...never },
  { ...died, spanId: "d4", name: "set aside order.created", from: 1_000, to: 1_000, attributes: typed, ...never },
  { ...below, spanId: "d5", name: "replay order.created", from: 1_400, to: 1_410, attributes: { ...typed, ...again } },
  { ...below, spanId: "d6", name: "process dev-billing", from: 1_420, to: 1_440, attributes: handled },
];
