import { createHash } from "node:crypto";
import { sku } from "@throughline/contracts";
import { ConcurrencyError, readHistory, retryOnConflict } from "@throughline/event-store";
import { type Database, shareTransactions, UnknownOutcomeError } from "@throughline/log";
import {
  type Access,
  bearerOf,
  type HttpProblem,
  problem,
  readBody,
  readQuery,
  type Visitor,
} from "@throughline/service";
import { type Request, Router } from "express";
import { z } from "zod";
import { OrderError, orders } from "./order.ts";
import { mayChange, sees } from "./rights.ts";
import { cancelOrder, placeOrder } from "./use-cases.ts";
import { findOrder, findOrders, type OrderView } from "./views.ts";

// V8 leaves out the units of funds and metals, and the second bolívar; they are of ISO 4217 as well.
const others = "BOV CHE CHW CLF COU MXV USN UYI UYW VED XAD XAG XAU XPD XPT XUA".split(" ");
const currencies = new Set([...Intl.supportedValuesOf("currency"), ...others]);
const placeOrderBody = z.strictObject({
  customerId: z.string().min(1).max(100),
  currency: z.string().refine((code) => currencies.has(code), "expected an ISO 4217 code such as USD"),
  items: z
    .array(
      z.strictObject({
        sku,
        quantity: z.int().min(1).max(1_000_000),
        amountInCents: z.int().min(0).max(1_000_000_000),
      }),
    )
    .min(1)
    .max(100),
  express: z.boolean().default(false),
});
const listQuery = z.strictObject({
  customerId: z.string().min(1).optional(),
  status: z.enum(["placed", "completed", "cancelled"]).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  after: z.string().min(1).optional(),
});
const cancelBody = z
  .strictObject({ reason: z.string().min(1).max(500).default("cancelled by the customer") })
  .prefault({});

/**
 * Requests in, use cases: each answer is that of one transaction; orders that come at the same time share theirs. For a
 * customer only their own orders are there; a viewer looks at all, and changes none.
 */
export function routes(database: Database, access: Access): Router {
  const router = Router();
  const inSharedTransaction = shareTransactions(database);

  const admit = (request: Request) => access.admit(bearerOf(request));

  router.post("/orders", async (request, response) => {
    const visitor = await admit(request);
    const body = readBody(placeOrderBody, request);
    if (!mayChange(visitor, body)) throw forbidden(visitor);
    const placement = { repeatable: repeatableOf(request, visitor, body), by: visitor.name };
    const order = await inSharedTransaction((tx) => placeOrder(tx, body, placement));
    response.status(201).location(`/orders/${order.orderId}`).json(order);
  });

  router.get("/orders", async (request, response) => {
    const visitor = await admit(request);
    const filter = readQuery(listQuery, request);
    const found = await findOrders(database, { ...filter, ...(visitor.role === "customer" && { only: visitor.name }) });
    const last = found.length === filter.limit ? found.at(-1)?.orderId : undefined;
    response.json({ orders: found.map(toJson), ...(last === undefined ? {} : { after: last }) });
  });

  router.get("/orders/:orderId", async (request, response) => {
    const { orderId } = request.params;
    const visitor = await admit(request);
    const order = await findOrder(database, orderId);
    if (!order || !sees(visitor, order)) throw unknown(orderId);
    response.json(toJson(order));
  });

  router.get("/orders/:orderId/history", async (request, response) => {
    const { orderId } = request.params;
    await requireSight(database, await admit(request), orderId);
    const events = await readHistory(database, orders, orderId);
    if (events.length === 0) throw unknown(orderId);
    response.json({ orderId, events });
  });

  router.post("/orders/:orderId/cancellation", async (request, response) => {
    const { orderId } = request.params;
    const visitor = await admit(request);
    await requireSight(database, visitor, orderId);
    if (visitor.role === "viewer") throw forbidden(visitor);
    const { reason } = readBody(cancelBody, request);
    await retryOnConflict(() => database.transaction((tx) => cancelOrder(tx, orderId, reason, visitor.name)));
    response.status(202).json({ orderId, status: "cancelled" });
  });

  return router;
}

/** What the domain refuses, in the words of HTTP. */
export function mapError(error: unknown): HttpProblem | undefined {
  if (error instanceof ConcurrencyError) return problem(409, "Somebody else changed the order at the same time");
  if (error instanceof UnknownOutcomeError) {
    // Not 503, which bids clients try again: that would be a second order where the first is placed.
    const detail = "Look for the order before you send it again, or send it with the same Idempotency-Key";
    return problem(504, "Nobody knows whether the order was placed", { detail });
  }
  if (!(error instanceof OrderError)) return undefined;
  const statuses = { unknown: 404, conflict: 409, "key-reused": 422 } as const;
  return problem(statuses[error.kind], error.message);
}

/** Somebody else's order is answered as one that is not there, so that nobody learns which there are. */
async function requireSight(database: Database, visitor: Visitor, orderId: string): Promise<void> {
  if (visitor.role !== "customer") return;
  const order = await findOrder(database, orderId);
  if (!order || !sees(visitor, order)) throw unknown(orderId);
}

function unknown(orderId: string): HttpProblem {
  return problem(404, "There is no such order", { orderId });
}

function forbidden({ role, name }: Visitor): HttpProblem {
  const detail = role === "viewer" ? "A viewer changes no order" : `${name} orders for nobody else`;
  return problem(403, "Forbidden", { detail });
}

/**
 * Keys are the caller's own: no key has a blank, so that none is taken for somebody else's. The same body is what means
 * the same, however it was written.
 */
function repeatableOf(request: Request, { role, name }: Visitor, body: z.infer<typeof placeOrderBody>) {
  const key = request.get("idempotency-key");
  if (key === undefined) return undefined;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw problem(400, "The Idempotency-Key is not valid", {
      errors: [{ path: "idempotency-key", message: "expected 1 to 255 printable ASCII characters" }],
    });
  }
  const fingerprint = createHash("sha256").update(JSON.stringify(body)).digest("hex");
  return { key: role === "anonymous" ? key : `${name} ${key}`, fingerprint };
}

function toJson({ reason, ...order }: OrderView) {
  return { ...order, ...(reason === null ? {} : { reason }) };
}
