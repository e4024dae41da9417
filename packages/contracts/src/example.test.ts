import { createEnvelope } from "@throughline/envelope";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineContract } from "./index.ts";

test("both ends use the same value", () => {
  const parcelSent = defineContract("parcel.sent", "1", z.object({ parcelId: z.string(), grams: z.int().positive() }));

  const message = parcelSent.message("p-1", { parcelId: "p-1", grams: 250 }); // the sender's end
  const envelope = createEnvelope(message, { source: "parcel-service" });
  const received = parcelSent.read(envelope); // the receiver's end, typed

  expect(received.data.grams).toBe(250);
});
