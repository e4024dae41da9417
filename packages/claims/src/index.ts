export { type Claimed, claimBody, MissingBodyError, maxWireBytes, redeemBody } from "./claim.ts";
export { type ClaimStore, provideClaims } from "./claim-store.ts";
export { migrations } from "./migrations.ts";
export { postgresClaims } from "./postgres-claims.ts";
