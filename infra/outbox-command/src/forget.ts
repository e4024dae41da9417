import { countWaiting, forgetDestination } from "@throughline/outbox/operation";
import type { Answer } from "./answer.ts";
import type { Chosen } from "./choose.ts";
import { isConfirmed } from "./confirm.ts";

/** Says what would be given up, asks, and gives it up. */
export async function forget(
  { service, database, state }: Chosen,
  { by, isSure, interrupted }: { readonly by: string; readonly isSure: boolean; readonly interrupted: AbortSignal },
): Promise<Answer> {
  const { destination, parked } = state;
  const waiting = await countWaiting(database, destination);
  const json = { service, destination, waiting, parked };
  const question = `Never send to ${destination} the ${waiting} messages of ${service} that wait for it, and ${parked} parked ones?`;
  if (!isSure && !(await isConfirmed(question, interrupted))) {
    return { text: "Nothing was forgotten: --yes confirms.", json: { ...json, isForgotten: false }, isDone: false };
  }
  await forgetDestination(database, destination, by);
  const text = `${destination} is forgotten, with ${waiting} waiting and ${parked} parked messages of ${service}.`;
  return { text, json: { ...json, isForgotten: true } };
}
