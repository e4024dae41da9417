import type { Database } from "@throughline/log";
import { problem } from "@throughline/service";
import { Router } from "express";
import { findPayment } from "./views.ts";

export function routes(database: Database): Router {
  const router = Router();

  router.get("/payments/:orderId", async ({ params }, response) => {
    const payment = await findPayment(database, params.orderId);
    if (!payment) throw problem(404, "There is no payment for this order", { orderId: params.orderId });
    const known = Object.entries(payment).filter(([, value]) => value !== null);
    response.json(Object.fromEntries(known));
  });

  return router;
}
