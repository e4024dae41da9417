import type { Database } from "@throughline/log";
import { readQuery } from "@throughline/service";
import { Router } from "express";
import { z } from "zod";
import { reportOrders } from "./views.ts";

const time = z.union([z.iso.date(), z.iso.datetime({ offset: true })], "expected a date or a time, ISO 8601");
const period = z.strictObject({
  from: time.pipe(z.coerce.date()).optional(),
  to: time.pipe(z.coerce.date()).optional(),
});

export function routes(database: Database): Router {
  const router = Router();

  router.get("/reports/orders", async (request, response) => {
    response.json(await reportOrders(database, readQuery(period, request)));
  });

  return router;
}
