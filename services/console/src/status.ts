import { z } from "zod";

export type Status = z.infer<typeof statusSchema>;

const holder = z.object({ pid: z.number().optional(), ageMs: z.number(), application: z.string(), state: z.string() });
const road = z.object({
  road: z.string(),
  waiting: z.number(),
  deadLetters: z.number(),
  reason: z.string().optional(),
});
/** What `/status` of a service tells, as far as it is shown. */
export const statusSchema = z.object({
  pid: z.number(),
  uptimeSeconds: z.number(),
  rssBytes: z.number(),
  relay: z
    .array(
      z.object({
        destination: z.string(),
        waiting: z.number(),
        oldestMs: z.number(),
        parked: z.number(),
        parkedKeys: z.number().default(0),
        dead: z.number(),
        publishedTotal: z.number(),
        failure: z.string().optional(),
        heldBackBy: holder.optional(),
      }),
    )
    .default([]),
  consumers: z
    .array(
      z.object({
        group: z.string(),
        handled: z.number(),
        duplicates: z.number(),
        failed: z.number(),
        deadLettered: z.number(),
        parked: z.number().default(0),
        parkedKeys: z.number().default(0),
        inFlight: z.number(),
        roads: z.array(road),
      }),
    )
    .default([]),
  deadLetters: z
    .array(z.object({ group: z.string(), road: z.string(), open: z.number(), quarantined: z.number() }))
    .default([]),
});
