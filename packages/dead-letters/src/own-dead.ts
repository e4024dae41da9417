import { type Database, query, type Transaction } from "@throughline/log";
import { type Burial, bury } from "./bury.ts";
import { inMs, toDate } from "./moment.ts";

type OutboxRow = {
  readonly destination: string;
  readonly position: string;
  readonly wire: string;
  readonly attempts: number;
  readonly error: string;
  readonly failedAt: number;
};
type InboxRow = {
  readonly group: string;
  readonly wire: string;
  readonly attempts: number;
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly failedAt: number;
};

const atOnce = 100;

/** Takes over what relays of this database gave up, and what died at its turn behind a parked key. */
export async function takeOwnDead(database: Database, groups: readonly string[]): Promise<Burial[]> {
  const hasOutbox = await exists(database, "outbox_dead");
  const [outbox, inbox] = await Promise.all([hasOutbox ? takeOutbox(database) : [], takeInbox(database, groups)]);
  return [...outbox, ...inbox];
}

/** A row leaves `outbox_dead` in the transaction that makes it a letter. */
function takeOutbox(database: Database): Promise<Burial[]> {
  return database.transaction(async (tx) => {
    const rows = await query<OutboxRow>(
      tx,
      "dead_letter_take_outbox",
      `delete from outbox_dead where (destination, position) in
         (select destination, position from outbox_dead order by position limit ${atOnce} for update skip locked)
       returning destination, position, wire, attempts, error, ${inMs("died_at")} as "failedAt"`,
    );
    return burials(tx, rows.map(ofOutbox));
  });
}

function ofOutbox({ destination, position, wire, attempts, error, failedAt: ms }: OutboxRow) {
  const failedAt = toDate(ms);
  const letter = {
    ...{ group: "outbox", origin: { name: destination }, body: Buffer.from(wire), headers: {} },
    ...{ error: { name: "Refused", message: error }, attempts, failedAt },
  };
  return { letter, road: "outbox", id: `outbox ${destination} ${position} ${failedAt.getTime()}` };
}

/** These keep their place in the order, so they stay, and are found anew only when they died anew. */
async function takeInbox(database: Database, groups: readonly string[]): Promise<Burial[]> {
  const rows = await query<InboxRow>(
    database,
    "dead_letter_take_inbox",
    `select consumer as "group", wire, attempts, error_name as name, error_message as message, error_stack as stack,
       ${inMs("died_at")} as "failedAt"
     from inbox_parked p where died_at is not null and consumer = any($1) and not exists (
       select from dead_letters d where d.message_id = p.message_id and d.group_name = p.consumer
         and d.last_failed_at >= date_trunc('milliseconds', p.died_at))
     order by position limit ${atOnce}`,
    [groups],
  );
  return burials(database, rows.map(ofInbox));
}

function ofInbox({ group, wire, attempts, failedAt: ms, ...error }: InboxRow) {
  const failedAt = toDate(ms);
  const letter = {
    ...{ group, origin: { name: "inbox_parked" }, body: Buffer.from(wire), headers: {} },
    ...{ error, attempts, failedAt },
  };
  return { letter, road: "inbox", id: `inbox ${failedAt.getTime()}` };
}

async function burials(
  handle: Database | Transaction,
  deaths: readonly Parameters<typeof bury>[1][],
): Promise<Burial[]> {
  const buried: Burial[] = [];
  for (const death of deaths) {
    const burial = await bury(handle, death);
    if (burial) buried.push(burial);
  }
  return buried;
}

/** A service that publishes nothing has no outbox. */
export async function exists(handle: Database | Transaction, table: string): Promise<boolean> {
  const text = "select to_regclass($1) is not null as exists";
  const [row] = await query<{ exists: boolean }>(handle, "dead_letter_table", text, [table]);
  return row?.exists === true;
}
