import {
  type Chosen,
  type Desk,
  findLetters,
  pointOut,
  previewReplay,
  readActions,
  readKinds,
  readLetterLines,
  states,
} from "@throughline/dead-letters/operation";
import { problem, type Service } from "@throughline/service";
import { Router } from "express";
import { choose, findChosen, isKind } from "./chosen.ts";
import { askEach, type Desks } from "./desks.ts";
import { kindPage } from "./kind-page.ts";
import { letterPage } from "./letter-page.ts";
import { letterReplayPage } from "./letter-replay-page.ts";
import type { LetterReplays } from "./letter-replays.ts";
import { letterActs } from "./letters-acts.ts";
import { type LettersFilter, lettersPage, type ServiceKind, unknownDatabasesPage } from "./letters-page.ts";
import { type Page, sendLive, sendPage } from "./page.ts";
import { type PreviewView, previewPage } from "./preview-page.ts";
import { isOperator } from "./visitors.ts";

export type LettersParts = {
  readonly desks: Desks;
  readonly replays: LetterReplays;
  readonly log: Pick<Service["log"], "warn">;
  readonly acts: Pick<Service["acts"], "info">;
};

const linesAtOnce = 100;
const previewsAtOnce = 100;
/** A body may have mebibytes. */
const bodiesAtOnce = 10;

/** What failed, as `npm run dead-letters` has it: the same letters, the same actions, the same record. */
export function lettersRoutes(parts: LettersParts): Router {
  const router = Router();
  const { desks, replays } = parts;

  router.get("/dead-letters", ({ query }, response) =>
    sendLive(response, async () => {
      if (desks.services.length === 0) return unknownDatabasesPage;
      const filter = { text: String(query.q ?? "").trim(), all: query.all === "1" };
      const { answers, silent } = await askEach(await desks.open(), (desk) => kindsAt(desk, { all: filter.all }));
      const kinds = answers.filter((kind) => isMeant(kind, filter));
      kinds.sort((one, other) => other.lastFailedAt.getTime() - one.lastFailedAt.getTime());
      return lettersPage({ kinds, silent, filter, running: replays.running(), mayAct: isOperator(response) });
    }),
  );

  router.get("/dead-letters/replays/:number", ({ params: { number } }, response) =>
    sendLive(response, async () => {
      const replay = replays.of(number);
      if (replay === undefined) throw problem(404, "A replay", { detail: "This console has begun no such replay" });
      return letterReplayPage(replay, { mayAct: isOperator(response) });
    }),
  );

  router.get("/dead-letters/:choice", ({ params: { choice }, query: { below } }, response) =>
    sendLive(response, () => {
      const mayAct = isOperator(response);
      if (!isKind(choice)) return readLetter(desks, choice, mayAct);
      return readKind(desks, { fingerprint: choice, below: below === undefined ? undefined : Number(below), mayAct });
    }),
  );

  router.get("/dead-letters/:choice/preview", async ({ params: { choice } }, response) => {
    const chosen = await choose(desks, choice, { states: ["open"] });
    const byDesk = [...Map.groupBy(chosen.slice(0, previewsAtOnce), ({ desk }) => desk)];
    const previews = await Promise.all(byDesk.map(([desk, those]) => foretell(desk, those)));
    sendPage(response, previewPage({ choice, previews: previews.flat(), total: chosen.length }));
  });

  router.use(letterActs(parts));
  return router;
}

type KindAsked = { readonly fingerprint: string; readonly below: number | undefined; readonly mayAct: boolean };

async function readKind(desks: Desks, { fingerprint, below, mayAct }: KindAsked): Promise<Page> {
  const opened = await desks.open();
  const { answers: kinds, silent } = await askEach(opened, (desk) => kindsAt(desk, { all: true, fingerprint }));
  const [kind] = kinds;
  if (kind === undefined) throw problem(404, "Not Found", { detail: `No letter is of kind ${fingerprint}` });
  const desk = opened.desks.find(({ service }) => service === kind.service);
  const found = desk ? await readLetterLines(desk.database, { fingerprint, states, below, most: linesAtOnce }) : [];
  const lines = found.map((line) => ({ ...line, service: kind.service }));
  const next = found.length === linesAtOnce ? found.at(-1)?.number : undefined;
  return kindPage({ kind, lines, below: next, silent, mayAct });
}

async function readLetter(desks: Desks, name: string, mayAct: boolean): Promise<Page> {
  const { desk, letter } = await findChosen(desks, name);
  const [pointed, preview, actions] = await Promise.all([
    pointOut(letter.body),
    previewReplay(desk, letter),
    readActions(desk.database, letter.number),
  ]);
  return letterPage({ name, letter, pointed, preview, actions, mayAct });
}

async function foretell(desk: Desk, chosen: readonly Chosen[]): Promise<PreviewView["previews"]> {
  const previews: PreviewView["previews"][number][] = [];
  for (let from = 0; from < chosen.length; from += bodiesAtOnce) {
    const numbers = chosen.slice(from, from + bodiesAtOnce).map(({ number }) => number);
    const foretold = (await findLetters(desk.database, numbers)).map(async (letter) => {
      const { verdict, why } = await previewReplay(desk, letter);
      return { name: `${desk.service}-${letter.number}`, verdict, why };
    });
    previews.push(...(await Promise.all(foretold)));
  }
  return previews;
}

async function kindsAt({ service, database }: Desk, which: Parameters<typeof readKinds>[1]): Promise<ServiceKind[]> {
  return (await readKinds(database, which)).map((kind) => ({ service, ...kind }));
}

function isMeant({ service, group, type, error, fingerprint }: ServiceKind, { text }: LettersFilter): boolean {
  return [service, group, type ?? "", error, fingerprint].some((part) =>
    part.toLowerCase().includes(text.toLowerCase()),
  );
}
