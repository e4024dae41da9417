import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { claimBody, migrations, postgresClaims, redeemBody } from "@throughline/claims";
import { createEnvelope } from "@throughline/envelope";
import { createTestDatabase, openTestDatabase, testBrokers, uniqueName } from "@throughline/local/testing";
import { expect, test, vi } from "vitest";
import { openClaims } from "./claims.ts";

const region = "us-east-1";
const common = { service: "order", logLevel: "silent", handlerTimeoutMs: 30_000 };
const envelope = createEnvelope(
  { type: "report.written", version: "1", key: "r-1", data: "x".repeat(300_000) },
  { source: "s" },
);

// The emulator takes any.
vi.stubEnv("AWS_ACCESS_KEY_ID", "local");
vi.stubEnv("AWS_SECRET_ACCESS_KEY", "local");

test("bodies go to the database that is set, by however many processes, which begin with an empty one", async () => {
  await using database = await createTestDatabase();
  const config = { ...common, claims: { url: database.url, region } };
  {
    await using _ = await openClaims(config);
    await passThrough();
  }
  await using _ = await openClaims(config);
  await passThrough();
});

test("bodies older than any message that may ask for them are removed at the start, and no others", async () => {
  await using opened = await openTestDatabase(migrations);
  const dayAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
  const references = [100, 80, 0].map((days) => `${dayAgo(days)}/${"0".repeat(64)}`);
  const store = postgresClaims(opened.database);
  for (const reference of references) await store.put(reference, Buffer.from("{}"));
  await using _ = await openClaims({ ...common, claims: { url: opened.url, region } });
  const found = await Promise.all(references.map((reference) => store.get(reference)));
  expect(found.map((body) => body !== undefined)).toEqual([false, true, true]);
});

test("bodies go to the bucket that is set", async () => {
  const endpoint = testBrokers.snsSqs;
  const bucket = uniqueName("claims-");
  const s3 = new S3Client({ endpoint, region, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  await using _ = await openClaims({ ...common, claims: { url: `s3://${bucket}/bodies`, endpoint, region } });
  await passThrough();
});

test("a process whose place of bodies is not there does not start", async () => {
  const endpoint = testBrokers.snsSqs;
  const claims = { url: `s3://${uniqueName("nowhere-")}`, endpoint, region };
  await expect(openClaims({ ...common, claims })).rejects.toThrow("does not exist");
});

test("where none is set, a process has none", async () => {
  await using _ = await openClaims(common);
  expect(() => claimBody(envelope)).toThrow("CLAIMS_URL names no place");
});

async function passThrough(): Promise<void> {
  const { envelope: claimed, put } = claimBody(envelope);
  await put();
  expect(await redeemBody(claimed)).toEqual(envelope);
}
