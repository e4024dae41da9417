/** The same events, read and not written anywhere. */
import { measureProjection } from "./measure-projection.ts";

export const measure = measureProjection(async () => async () => undefined);
