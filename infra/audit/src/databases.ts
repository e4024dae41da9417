import { Client } from "pg";

/** One service's database as it was at one moment, in a transaction that only reads. */
export type Snapshot = { readonly service: string; readonly client: Client };

export type Address = { readonly service: string; readonly url: string };

const connectWithinMs = 5_000;

/** Connects to each; rejects, naming all that do not answer and where they should be. */
export async function openSnapshots(addresses: readonly Address[]): Promise<readonly Snapshot[] & AsyncDisposable> {
  const outcomes = await Promise.allSettled(addresses.map(open));
  const opened = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  const close = async () => void (await Promise.allSettled(opened.map(({ client }) => client.end())));
  const reasons = outcomes.flatMap((outcome, index) =>
    outcome.status === "rejected" ? [`  ${addresses[index]?.service}: ${outcome.reason.message}`] : [],
  );
  if (reasons.length > 0) {
    await close();
    throw new Error(
      `Nothing can be said without every database:\n${reasons.join("\n")}\n` +
        "Start them with `npm start`, or name them: --database order=postgres://user:password@host:5432/name",
    );
  }
  return Object.assign(opened, { [Symbol.asyncDispose]: close });
}

async function open({ service, url }: Address): Promise<Snapshot> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: connectWithinMs,
    application_name: "audit",
  });
  // Its loss also fails the statement that runs; unheard, it would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("begin transaction isolation level repeatable read read only");
    // The first statement is what the snapshot is of.
    await client.query("select 1");
    return { service, client };
  } catch (cause) {
    await client.end().catch(() => undefined);
    throw new Error(`${placeOf(url)} does not answer: ${reasonOf(cause)}`, { cause });
  }
}

/** Without the password. */
function placeOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port || 5432}${pathname}`;
}

function reasonOf(cause: unknown): string {
  const [first] = cause instanceof AggregateError ? cause.errors : [cause];
  return first instanceof Error ? first.message : String(first);
}

export async function rowsOf<Row>(client: Client, text: string, values: readonly unknown[] = []): Promise<Row[]> {
  return (await client.query(text, [...values])).rows as Row[];
}

/** Services that publish nothing have no outbox, and a table may come with a later version. */
export async function hasTable(client: Client, table: string): Promise<boolean> {
  const [row] = await rowsOf<{ has: boolean }>(client, "select to_regclass($1) is not null as has", [table]);
  return row?.has === true;
}
