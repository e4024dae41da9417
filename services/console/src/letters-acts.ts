import {
  dataOf,
  discardMany,
  dryRun,
  editLetter,
  faultOfData,
  faultsBehind,
  findLetter,
  type Letter,
} from "@throughline/dead-letters/operation";
import { problem, readForm, withoutPasswords } from "@throughline/service";
import { AwayError } from "@throughline/transport";
import express, { type Response, Router } from "express";
import { z } from "zod";
import { choose, findChosen } from "./chosen.ts";
import { discardedPage } from "./discarded-page.ts";
import { editPage, type Refusal } from "./edit-page.ts";
import { isWaiting, isWork } from "./letter-page.ts";
import { placeOf } from "./letter-words.ts";
import type { LettersParts } from "./letters-http.ts";
import { sendPage } from "./page.ts";
import { dryRunPage } from "./preview-page.ts";
import { isOperator, operatorsOnly, visitorOf } from "./visitors.ts";

const reason = z.string().trim().max(500);
const before = z.iso
  .datetime()
  .optional()
  .transform((text) => (text === undefined ? new Date() : new Date(text)));
const replayBody = z.object({
  reason: reason.optional().transform((text) => text || undefined),
  before,
  rate: z.coerce.number().int().min(1).max(1_000).default(20),
});
const discardBody = z.object({ reason: reason.min(1), before });
const editBody = z.object({ data: z.string().min(1), reason: reason.min(1) });

/** What operators do to letters. Each notes who did it, and why, where the command notes it. */
export function letterActs({ desks, replays, log, acts }: LettersParts): Router {
  const router = Router();
  router.post("/dead-letters/*path", operatorsOnly, express.urlencoded({ extended: false, limit: "2mb" }));

  router.post("/dead-letters/:choice/replay", async (request, response) => {
    const { choice } = request.params;
    const { before, ...options } = readForm(replayBody, request);
    const chosen = await choose(desks, choice, { states: ["open"], before });
    const { number } = replays.begin(choice, chosen, { ...options, by: nameOf(response) });
    response.redirect(303, `/dead-letters/replays/${number}`);
  });

  router.post("/dead-letters/replays/:number/stop", ({ params: { number } }, response) => {
    const replay = replays.of(number);
    const by = nameOf(response);
    if (replay?.stop(by)) acts.info({ by, number, choice: replay.choice }, "replay stopped from the console");
    response.redirect(303, `/dead-letters/replays/${number}`);
  });

  router.post("/dead-letters/:choice/discard", async (request, response) => {
    const { choice } = request.params;
    const { before, reason } = readForm(discardBody, request);
    if (choice === "all") throw problem(400, "Bad Request", { detail: "Letters are given up one by one, or by kind" });
    const chosen = await choose(desks, choice, { states: ["open", "quarantined"], before });
    const done = await discardMany(chosen, { reason, by: nameOf(response) });
    if (done.failed.length > 0) return sendPage(response, discardedPage(choice, done));
    response.redirect(303, placeOf(choice));
  });

  router.post("/dead-letters/:choice/dry-run", async ({ params: { choice } }, response) => {
    const { desk, letter } = await findChosen(desks, choice);
    sendPage(response, dryRunPage(choice, await dryRun(desk, letter)));
  });

  router.get("/dead-letters/:choice/edit", async ({ params: { choice } }, response) => {
    const { letter } = await findChosen(desks, choice);
    if (!isWaiting(letter) || isWork(letter) || !isOperator(response)) return response.redirect(placeOf(choice));
    const found = await dataOf(letter);
    if (found === undefined) throw problem(409, "It cannot be corrected", { detail: "Its bytes are no envelope" });
    const data = JSON.stringify(found.data, undefined, 2);
    if (hasPassword(data)) throw problem(409, "It cannot be corrected", { detail: passwordShown });
    sendPage(response, editPage({ name: choice, type: letter.type ?? "", data, reason: "" }));
  });

  router.post("/dead-letters/:choice/edit", async (request, response) => {
    const { choice } = request.params;
    const { desk, number, letter } = await findChosen(desks, choice);
    if (!isWaiting(letter)) return response.redirect(303, placeOf(choice));
    const { data, reason } = readForm(editBody, request);
    const showAgain = (refusal: Refusal) =>
      sendPage(response, editPage({ name: choice, type: letter.type ?? "", data, reason, refusal }));
    const refusal = refusalOf(letter, data);
    if (refusal) return showAgain(refusal);
    try {
      await editLetter(desk, number, JSON.parse(data), { by: nameOf(response), reason });
    } catch (error) {
      log.warn({ err: error, letter: choice }, "a correction failed");
      // Where it is not known what became of the letter, what the person has written must not be lost.
      const now = await findLetter(desk.database, number).catch(() => letter);
      if (now && isWaiting(now)) return showAgain(failureOf(error));
    }
    response.redirect(303, placeOf(choice));
  });

  return router;
}

/** No page shows it, so that it would go out without it. */
function hasPassword(data: string): boolean {
  return withoutPasswords(data) !== data;
}

const passwordShown = "There is an address with a password or a token in it, which no page shows";

/** Why this is not sent, before it is tried. */
function refusalOf(letter: Letter, text: string): Refusal | undefined {
  if (hasPassword(text)) return { message: `Nothing was sent. ${passwordShown}.`, faults: [] };
  try {
    const fault = faultOfData(letter, JSON.parse(text));
    return fault && { message: `Nothing was sent. ${fault.message}`, faults: faultsBehind(fault) };
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    return { message: `Nothing was sent. The data is not JSON: ${why}`, faults: [] };
  }
}

/** Why this may not have been sent. A broker that did not answer may have it all the same. */
function failureOf(error: unknown): Refusal {
  const why = error instanceof Error ? error.message : error;
  const message = `It may not have been sent: ${why}. Sent again, it has its effect once.`;
  return { message, faults: [], status: error instanceof AwayError ? 503 : 400 };
}

function nameOf(response: Response): string {
  return visitorOf(response)?.name ?? "";
}
