import { createHash } from "node:crypto";
import { ConcurrencyError, readStream, upcast } from "@throughline/event-store";
import { type Database, shareTransactions, type Transaction } from "@throughline/log";
import { type HttpProblem, problem, readBody, readQuery } from "@throughline/service";
import { type Request, Router } from "express";
import { z } from "zod";
import { OrderError, orders } from "./order.ts";
import { cancelOrder, placeOrder } from "./use-cases.ts";
import { findOrder, findOrders, type OrderView } from "./views.ts";

const sku = z.string().min(1).max(100);
const placeOrderBody = z.strictObject({
  customerId: z.string().min(1).max(100),
  currency: z.string().regex(/^[A-Z]{3}$/, "expected an ISO 4217 code such as USD"),
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
const cancelBody = z.strictObject({ reason: z.string().min(1).max(500).default("cancelled by the customer") });

/** Requests in, use cases: each answer is that of one transaction; orders that come at the same time share theirs. */
export function routes(database: Database): Router {
  const router = Router();
  const inSharedTransaction = shareTransactions(database);

  router.post("/orders", async (request, response) => {
    const body = readBody(placeOrderBody, request);
    const repeatable = repeatableOf(request);
    const order = await inSharedTransaction((tx) => placeOrder(tx, body, repeatable));
    response.status(201).location(`/orders/${order.orderId}`).json(order);
  });

  router.get("/orders", async (request, response) => {
    const filter = readQuery(listQuery, request);
    const found = await findOrders(database, filter);
    const last = found.length === filter.limit ? found.at(-1)?.orderId : undefined;
    response.json({ orders: found.map(toJson), ...(last === undefined ? {} : { after: last }) });
  });

  router.get("/orders/:orderId", async ({ params }, response) => {
    const order = await findOrder(database, params.orderId);
    if (!order) throw problem(404, "There is no such order", { orderId: params.orderId });
    response.json(toJson(order));
  });

  router.get("/orders/:orderId/history", async ({ params }, response) => {
    const history = await readStream(database, `order-${params.orderId}`);
    if (history.length === 0) throw problem(404, "There is no such order", { orderId: params.orderId });
    const events = history.map((event) => {
      const { id, version, type, data, at, metadata } = upcast(orders, event);
      return { id, version, type, data, at, ...metadata };
    });
    response.json({ orderId: params.orderId, events });
  });

  router.post("/orders/:orderId/cancellation", async (request, response) => {
    const { orderId } = request.params;
    const { reason } = readBody(cancelBody, request);
    await transaction(database, (tx) => cancelOrder(tx, orderId, reason));
    response.status(202).json({ orderId, status: "cancelled" });
  });

  return router;
}

/** What the domain refuses, in the words of HTTP. */
export function mapError(error: unknown): HttpProblem | undefined {
  if (error instanceof ConcurrencyError) return problem(409, "Somebody else changed the order at the same time");
  if (!(error instanceof OrderError)) return undefined;
  const statuses = { unknown: 404, conflict: 409, "key-reused": 422 } as const;
  return problem(statuses[error.kind], error.message);
}

/** Runs a use case; when somebody else was first it reads again and decides again, once. */
async function transaction<Result>(database: Database, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
  try {
    return await database.transaction(work);
  } catch (error) {
    if (!(error instanceof ConcurrencyError)) throw error;
    return await database.transaction(work);
  }
}

function repeatableOf(request: Request) {
  const key = request.get("idempotency-key");
  if (key === undefined) return undefined;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw problem(400, "The Idempotency-Key is not valid", {
      errors: [{ path: "idempotency-key", message: "expected 1 to 255 printable ASCII characters" }],
    });
  }
  return { key, fingerprint: createHash("sha256").update(JSON.stringify(request.body)).digest("hex") };
}

function toJson({ reason, ...order }: OrderView) {
  return { ...order, ...(reason === null ? {} : { reason }) };
}
