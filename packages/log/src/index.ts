export { type Ask, askLast, askTogether } from "./ask-together.ts";
export { checkLog } from "./check.ts";
export { clientOf } from "./client-of.ts";
export { confine } from "./confine.ts";
export {
  type Cursor,
  type CursorClaim,
  claimCursor,
  moveCursor,
  releaseCursor,
  renewCursor,
  thisServer,
} from "./cursors.ts";
export { type Database, query, storable, type Transaction } from "./database.ts";
export { allEnded, createGroupCommit, lendTransaction, shareTransactions } from "./group-commit.ts";
export { type Log, type LogPage, type LogQuery, type LogRange, readLimit, readLog } from "./log.ts";
export { migrations } from "./migrations.ts";
export { changePartitions, dropPartition } from "./partitions.ts";
export { dropCursors, openCursors, type ReaderLane, readLanes, resetCursor, rewindCursor } from "./readers.ts";
export { saveLast } from "./save-last.ts";
export { UnknownOutcomeError } from "./unknown-outcome.ts";
export { type Holder, whatHoldsBack } from "./what-holds-back.ts";
