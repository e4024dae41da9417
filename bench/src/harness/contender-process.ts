/** One contender, in a process of its own for all rounds, so that its code is warm and nobody else's is in its way. */
import type { Answer, Measure, Place } from "./bench.ts";
import { refusalOf } from "./tally.ts";

const [bench = "", contender = ""] = process.argv.slice(2);
const { measure } = (await import(`../${bench}/${contender}.ts`)) as { readonly measure: Measure };

process.on("message", async (place: Place) => {
  process.send?.(await answer(place));
});

async function answer(place: Place): Promise<Answer> {
  try {
    const { figures, tallies } = await measure(place);
    // Late arrivals count too: whatever was measured is closed by now.
    const refused = tallies.map((tally) => refusalOf(tally.faults())).find((reason) => reason !== undefined);
    return refused === undefined ? { figures } : { refused };
  } catch (error) {
    return { refused: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
