import { explained } from "./explained.ts";
import type { KafkaLibrary } from "./library.ts";
import type { KafkaSettings } from "./settings.ts";

/** Loaded when it is first used, and only the one that is. */
export function libraryOf(settings: KafkaSettings): KafkaLibrary {
  let opened: Promise<KafkaLibrary> | undefined;
  const load = async () =>
    settings.client === "kafkajs"
      ? (await import("./kafkajs.ts")).kafkajs(settings)
      : (await import("./platformatic.ts")).platformatic(settings);
  const open = () => (opened ??= load());
  return {
    connectProducer: async () => explained(settings, (await open()).connectProducer()),
    connectAdmin: async () => explained(settings, (await open()).connectAdmin()),
    joinGroup: async (membership) => (await open()).joinGroup(membership),
  };
}
