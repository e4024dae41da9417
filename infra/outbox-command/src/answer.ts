import type { Outbox } from "./open-outboxes.ts";

/** What a command answers: text for a person, or the same as JSON. `isDone` is false where a part was not done. */
export type Answer = { readonly text: string; readonly json: unknown; readonly isDone?: boolean };

/** What a command does at the outboxes. */
export type Work = (outboxes: readonly Outbox[], interrupted: AbortSignal) => Promise<Answer>;
