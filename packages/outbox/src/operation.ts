export { type Action, readActions } from "./actions.ts";
export { forgetDestination } from "./forget.ts";
export { type ParkedKey, readLanesOf, readParkedKeysOf } from "./look.ts";
export { type About, type MessageAbout, type RoadState, readMessagesAbout } from "./messages-about.ts";
export { isForgotten } from "./neglect.ts";
export { findPosition, type Place, readPlace } from "./place.ts";
export { type Preview, previewReplay, type Replay, replay } from "./replay.ts";
export { countWaiting, type DestinationState, mostCounted, readStates } from "./status.ts";
