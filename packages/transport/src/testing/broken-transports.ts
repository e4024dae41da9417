import { brokenInAccidents } from "./broken/accidents.ts";
import { brokenInAttempts } from "./broken/attempts.ts";
import { brokenInDeadLetters } from "./broken/dead-letters.ts";
import { brokenInDeaths } from "./broken/deaths.ts";
import { brokenHandling } from "./broken/handling.ts";
import type { BrokenTransport } from "./broken/kit.ts";
import { brokenPublishing } from "./broken/publishing.ts";
import { brokenSettingAside } from "./broken/setting-aside.ts";
import { brokenSubscribing } from "./broken/subscribing.ts";

/** The memory transport, broken in one way each. */
export const brokenTransports: readonly BrokenTransport[] = [
  ...brokenPublishing,
  ...brokenSubscribing,
  ...brokenHandling,
  ...brokenSettingAside,
  ...brokenInAttempts,
  ...brokenInAccidents,
  ...brokenInDeaths,
  ...brokenInDeadLetters,
];
