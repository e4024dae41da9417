import { readHistory } from "@throughline/event-store";
import type { Database } from "@throughline/log";
import { type HttpProblem, problem } from "@throughline/service";
import { Router } from "express";
import { payments } from "./payment.ts";
import { findPayment } from "./views.ts";

export function routes(database: Database): Router {
  const router = Router();

  router.get("/payments/:orderId", async ({ params }, response) => {
    const payment = await findPayment(database, params.orderId);
    if (!payment) throw unknown(params.orderId);
    const known = Object.entries(payment).filter(([, value]) => value !== null);
    response.json(Object.fromEntries(known));
  });

  router.get("/payments/:orderId/history", async ({ params: { orderId } }, response) => {
    const events = await readHistory(database, payments, orderId);
    if (events.length === 0) throw unknown(orderId);
    response.json({ orderId, events });
  });

  return router;
}

function unknown(orderId: string): HttpProblem {
  return problem(404, "There is no payment for this order", { orderId });
}
