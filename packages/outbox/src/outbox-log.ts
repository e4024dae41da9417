import type { Log } from "@throughline/log";

export const outboxLog: Log = { table: "outbox", sequence: "outbox_position_seq", namespace: 21_587 };
