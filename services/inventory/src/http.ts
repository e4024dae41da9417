import { sku as skuForm } from "@throughline/contracts";
import { ConcurrencyError, retryOnConflict } from "@throughline/event-store";
import type { Database } from "@throughline/log";
import { type HttpProblem, problem, readBody } from "@throughline/service";
import { Router } from "express";
import { z } from "zod";
import { findReservation } from "./reservations.ts";
import { StockError } from "./stock.ts";
import { countStock } from "./use-cases.ts";
import { findStock } from "./views.ts";

const countBody = z.strictObject({ onHand: z.int().min(0).max(1_000_000_000) });

export function routes(database: Database): Router {
  const router = Router();

  router.get("/stock/:sku", async ({ params }, response) => {
    const stock = await findStock(database, params.sku);
    if (!stock) throw problem(404, "This SKU was never counted", { sku: params.sku });
    response.json(stock);
  });

  router.get("/reservations/:orderId", async ({ params: { orderId } }, response) => {
    const reservation = await findReservation(database, orderId);
    if (!reservation) throw problem(404, "There is no reservation for this order", { orderId });
    response.json(reservation);
  });

  router.put("/stock/:sku", async (request, response) => {
    const { sku } = request.params;
    const { error } = skuForm.safeParse(sku);
    if (error) {
      const errors = error.issues.map(({ message }) => ({ path: "sku", message }));
      throw problem(400, "The SKU is not valid", { errors });
    }
    const { onHand } = readBody(countBody, request);
    await retryOnConflict(() => database.transaction((tx) => countStock(tx, sku, onHand)));
    response.json(await findStock(database, sku));
  });

  return router;
}

export function mapError(error: unknown): HttpProblem | undefined {
  if (error instanceof StockError) return problem(409, error.message);
  if (error instanceof ConcurrencyError) return problem(409, "Somebody else changed the stock at the same time");
  return undefined;
}
