import { defaultRetentionDays } from "@throughline/inbox";
import { defaultReplayWindowMs } from "@throughline/outbox";
import type { Fault } from "@throughline/service";

export const dayMs = 24 * 60 * 60 * 1_000;
/** What the adapters declare, and the most that SQS knows. */
export const deadLetterDays = 14;

/** A dead letter is sent again at the end of its days, and what was published then once more within the replay window. */
export function forgetfulness(keptDays: number, where: string, inboxDays = defaultRetentionDays): Fault | undefined {
  const replayDays = defaultReplayWindowMs / dayMs;
  const needed = keptDays + replayDays;
  if (inboxDays >= needed) return undefined;
  return {
    settings: ["retentionDays", where],
    conflict: `The inbox remembers for ${inboxDays} days (retentionDays); ${where} keeps dead letters for ${keptDays}, and the replay window adds ${replayDays}`,
    consequence: "a message that comes again after that is refused, since nobody can tell whether it was handled",
    fix: `Let the inbox remember for ${needed} days, or keep dead letters for fewer`,
  };
}
