import type { Database } from "@throughline/log";
import { readQuery } from "@throughline/service";
import { Router } from "express";
import { z } from "zod";
import { reportOrders } from "./views.ts";

const time = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], "expected a date or a time, ISO 8601")
  .pipe(z.coerce.date())
  // Postgres has no year 0, and an offset leads into it from the year 1, as into the year 10000 from the other end.
  .refine((at) => at.getUTCFullYear() >= 1 && at.getUTCFullYear() <= 9999, "expected a year from 1 to 9999 in UTC");
const period = z.strictObject({ from: time.optional(), to: time.optional() });

export function routes(database: Database): Router {
  const router = Router();

  router.get("/reports/orders", async (request, response) => {
    response.json(await reportOrders(database, readQuery(period, request)));
  });

  return router;
}
