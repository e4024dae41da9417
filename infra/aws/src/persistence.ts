import { DatabaseSync } from "node:sqlite";

/** Cures two faults of how fauxqs 2.4.1 keeps its data, where it calls SQLite: it has no setting for either. */
const { exec, prepare } = DatabaseSync.prototype;

DatabaseSync.prototype.exec = function (sql) {
  exec.call(this, sql);
  // It would wait for the disk at every message. Now what it has survives the process, though not always the machine.
  if (sql === "PRAGMA journal_mode = WAL") exec.call(this, "PRAGMA synchronous = NORMAL");
};

DatabaseSync.prototype.prepare = function (sql, ...options) {
  // To give a message back it forgets the receives, which the table refuses, and the message would be lost.
  const keepsReceives = sql.replace(/(approximate_\w+) = \?/g, "$1 = coalesce(?, $1)");
  return prepare.call(this, keepsReceives, ...options);
};
