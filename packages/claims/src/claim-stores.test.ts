import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { openTestDatabase, testBrokers, uniqueName } from "@throughline/local/testing";
import { describe, expect, test } from "vitest";
import type { ClaimStore } from "./claim-store.ts";
import { migrations } from "./migrations.ts";
import { postgresClaims } from "./postgres-claims.ts";
import { s3Claims } from "./s3-claims.ts";

const account = {
  endpoint: testBrokers.snsSqs,
  region: "us-east-1",
  credentials: { accessKeyId: "local", secretAccessKey: "local" },
};

describe.each([
  ["Postgres", openInPostgres],
  ["S3", openInBucket],
])("bodies in %s", (_, open) => {
  test("come back as they were put, also when they were put twice", async () => {
    await using opened = await open();
    const body = Buffer.alloc(1024 * 1024, "ü 🎵 ");
    const reference = referenceTo(body);
    await Promise.all([opened.store.put(reference, body), opened.store.put(reference, body)]);
    await opened.store.put(reference, body);
    expect(Buffer.from((await opened.store.get(reference)) ?? [])).toEqual(body);
  });

  test("that were never put are nothing", async () => {
    await using opened = await open();
    expect(await opened.store.get(referenceTo(Buffer.from("{}")))).toBeUndefined();
  });

  test("go with their day, however many there are, and those of that day stay", async () => {
    await using opened = await open();
    // More than a page of S3's list.
    const old = Array.from({ length: 1_100 }, (_, index) => referenceTo(Buffer.from(`"${index}"`), "2026-01-30"));
    const kept = ["2026-01-31", "2026-02-01"].map((day) => referenceTo(Buffer.from("{}"), day));
    const all = [...old, ...kept];
    await inTurns(all, (reference) => opened.store.put(reference, Buffer.from("{}")));
    await opened.store.removeBefore("2026-01-31");
    const found: string[] = [];
    await inTurns(all, async (reference) => {
      if ((await opened.store.get(reference)) !== undefined) found.push(reference);
    });
    expect(found.toSorted()).toEqual(kept);
  });
});

test("what else is in the bucket stays where it is", async () => {
  const { bucket, s3 } = await createBucket();
  for (const Key of ["1999/report.json", "2000-01-01/notes.txt", "claims/1999.json"])
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "{}" }));
  for (const url of [`s3://${bucket}`, `s3://${bucket}/claims/`]) {
    using store = s3Claims({ ...account, url });
    await store.put(referenceTo(Buffer.from("{}"), "2001-01-01"), Buffer.from("{}"));
    await store.removeBefore("2026-01-01");
  }
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket }));
  expect(Contents.map(({ Key }) => Key)).toEqual(["1999/report.json", "2000-01-01/notes.txt", "claims/1999.json"]);
});

test("a bucket that asks for patience is busy, which is the fault of no message", async () => {
  await using server = createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(503, { "content-type": "application/xml" });
      response.end("<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>");
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  using store = s3Claims({ ...account, endpoint, url: "s3://bucket" });
  const reference = referenceTo(Buffer.from("{}"));
  const busy = { code: "EBUSY", message: "S3 takes nothing for a while: SlowDown" };
  await expect(store.get(reference)).rejects.toMatchObject(busy);
  await expect(store.put(reference, Buffer.from("{}"))).rejects.toMatchObject(busy);
});

test("a place that lets one wait too long is busy as well", async () => {
  // As the SDK tells of a connection that does not come about, and of one on which nothing comes.
  const credentials = () => Promise.reject(Object.assign(new Error("the socket timed out"), { name: "TimeoutError" }));
  using store = s3Claims({ ...account, credentials, url: "s3://bucket" });
  const reference = referenceTo(Buffer.from("{}"));
  const busy = { code: "EBUSY", message: "S3 takes nothing for a while: TimeoutError" };
  await expect(store.get(reference)).rejects.toMatchObject(busy);
  await expect(store.put(reference, Buffer.from("{}"))).rejects.toMatchObject(busy);
});

/** Fifty at a time: more would wait for a connection for longer than they may. */
async function inTurns(references: readonly string[], work: (reference: string) => Promise<void>): Promise<void> {
  for (let from = 0; from < references.length; from += 50)
    await Promise.all(references.slice(from, from + 50).map(work));
}

function referenceTo(body: Uint8Array, day = "2026-11-26"): string {
  return `${day}/${createHash("sha256").update(body).digest("hex")}`;
}

async function openInPostgres(): Promise<{ readonly store: ClaimStore } & AsyncDisposable> {
  const opened = await openTestDatabase(migrations);
  return { store: postgresClaims(opened.database), [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
}

async function openInBucket(): Promise<{ readonly store: ClaimStore } & AsyncDisposable> {
  const { bucket } = await createBucket();
  const store = s3Claims({ ...account, url: `s3://${bucket}/bodies` });
  return { store, [Symbol.asyncDispose]: async () => store[Symbol.dispose]() };
}

async function createBucket() {
  const bucket = uniqueName("claims-");
  const s3 = new S3Client({ ...account, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  return { bucket, s3 };
}
