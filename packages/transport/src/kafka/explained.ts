import { toError } from "../reason.ts";
import type { KafkaSettings } from "./settings.ts";

/** What `connecting` rejects with says which setting to look at. */
export async function explained<Result>({ brokers }: KafkaSettings, connecting: Promise<Result>): Promise<Result> {
  try {
    return await connecting;
  } catch (cause) {
    throw new Error(`Kafka at ${brokers.join(", ")} cannot be reached: ${toError(cause).message}`, { cause });
  }
}
