import { createEnvelope, parseEnvelope, RejectedError, serializeEnvelope } from "@throughline/envelope";
import { expect, test } from "vitest";
import { type ClaimStore, claimBody, MissingBodyError, provideClaims, redeemBody } from "./index.ts";

const data = { report: `ü${"x".repeat(1_000_000)}` };
const message = { type: "report.written", version: "1", key: "r-1", data };
const envelope = { ...createEnvelope(message, { source: "s" }), baggage: { tenant: "acme" } };

test("a body that stayed behind is in its envelope again, which is otherwise the same", async () => {
  using _ = provideClaims(inMemory());
  const { envelope: claimed, put } = claimBody(envelope);
  await put();
  const wire = serializeEnvelope(claimed);
  expect(wire.length).toBeLessThan(1_000);
  expect(JSON.parse(wire)).toMatchObject({
    data: null,
    dataref: expect.stringMatching(/^\d{4}-\d\d-\d\d\/[0-9a-f]{64}$/),
  });
  expect(await redeemBody(parseEnvelope(wire))).toEqual(envelope);
});

test("an envelope that has its body is as it was", async () => {
  expect(await redeemBody(envelope)).toEqual(envelope);
});

test("a body that is not there may come yet", async () => {
  using _ = provideClaims(inMemory());
  await expect(redeemBody(claimBody(envelope).envelope)).rejects.toThrow(MissingBodyError);
});

test("a body that is not what was sent will never do", async () => {
  const store = inMemory();
  using _ = provideClaims(store);
  const { envelope: claimed } = claimBody(envelope);
  await store.put(claimed.dataref ?? "", Buffer.from("{}"));
  const refusal = redeemBody(claimed);
  await expect(refusal).rejects.toThrow(RejectedError);
  await expect(refusal).rejects.toThrow("is not what was sent");
});

test("a reference of another form is refused, since nobody can say what is behind it", async () => {
  using _ = provideClaims(inMemory());
  const elsewhere = { ...envelope, data: null, dataref: "https://example.com/bodies/1" };
  await expect(redeemBody(elsewhere)).rejects.toThrow(RejectedError);
});

test("a process without a place for bodies says which setting names one", async () => {
  expect(() => claimBody(envelope)).toThrow("may have 204800 on the wire, since CLAIMS_URL names no place");
  const dataref = `2026-11-26/${"0".repeat(64)}`;
  await expect(redeemBody({ ...envelope, data: null, dataref })).rejects.toThrow("CLAIMS_URL is not set");
});

test("a body that no process could well hold is refused", () => {
  using _ = provideClaims(inMemory());
  const huge = { ...envelope, data: "x".repeat(16 * 1024 * 1024) };
  expect(() => claimBody(huge)).toThrow("may have 16777216");
});

test("a process has one place for bodies", () => {
  using _ = provideClaims(inMemory());
  expect(() => provideClaims(inMemory())).toThrow("has a place for big bodies already");
});

function inMemory(): ClaimStore {
  const bodies = new Map<string, Uint8Array>();
  return {
    put: async (reference, body) => void bodies.set(reference, body),
    get: async (reference) => bodies.get(reference),
    removeBefore: async () => bodies.clear(),
  };
}
