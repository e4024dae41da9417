import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { type ClaimStore, isReference } from "./claim-store.ts";

export type S3ClaimsOptions = {
  /** `s3://bucket` or `s3://bucket/folder`. The bucket is there. */
  readonly url: string;
  readonly region: string;
  /** Of a server that speaks S3. Default: AWS. */
  readonly endpoint?: string;
  /** Default: what the AWS SDK finds. */
  readonly credentials?: NonNullable<S3ClientConfig["credentials"]>;
};

/** Bodies in a bucket, each an object under its reference. Needs the rights to put, get, list and delete objects there. */
export function s3Claims({ url, ...account }: S3ClaimsOptions): ClaimStore & Disposable {
  const { hostname: Bucket, pathname } = new URL(url);
  const folder = pathname.slice(1).replace(/[^/]$/, "$&/");
  const s3 = new S3Client({
    ...account,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: 30_000, throwOnRequestTimeout: true },
    forcePathStyle: account.endpoint !== undefined,
    // Other servers know no checksum behind the body; the reference is one.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  return {
    async put(reference, Body) {
      const ContentType = "application/json";
      await s3.send(new PutObjectCommand({ Bucket, Key: folder + reference, Body, ContentType })).catch(explain);
    },
    async get(reference) {
      try {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: folder + reference }));
        return await Body?.transformToByteArray();
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined;
        explain(error);
      }
    },
    async removeBefore(day) {
      for await (const keys of keysBefore(folder + day)) {
        const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true };
        const { Errors = [] } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete }));
        if (Errors[0])
          throw new Error(`S3 did not remove ${Errors[0].Key} and ${Errors.length - 1} more: ${Errors[0].Message}`);
      }
    },
    [Symbol.dispose]: () => s3.destroy(),
  };

  /** A page at a time. S3 lists keys in their order, and a reference begins with its day; what is no body stays. */
  async function* keysBefore(end: string): AsyncGenerator<string[]> {
    let ContinuationToken: string | undefined;
    do {
      const page = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: folder, ContinuationToken }));
      const keys = (page.Contents ?? []).flatMap(({ Key }) => Key ?? []);
      const old = keys.filter((key) => key < end);
      const bodies = old.filter((key) => isReference(key.slice(folder.length)));
      if (bodies.length > 0) yield bodies;
      ContinuationToken = old.length === keys.length ? page.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined);
  }
}

/** Throws what went wrong. What S3 answers to everybody, such as `SlowDown`, gets the code of something busy, as does no answer. */
function explain(error: unknown): never {
  const status = error instanceof S3ServiceException ? (error.$metadata.httpStatusCode ?? 0) : 0;
  // The SDK's own limits of time have this name, and most of them no code.
  const isLate = error instanceof Error && error.name === "TimeoutError";
  if (status < 500 && status !== 429 && !isLate) throw error;
  const told = error instanceof Error ? error.name : error;
  throw Object.assign(new Error(`S3 takes nothing for a while: ${told}`, { cause: error }), { code: "EBUSY" });
}
