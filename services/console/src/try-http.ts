import { type Config, problem, type Service } from "@throughline/service";
import express, { type Request, Router } from "express";
import { html } from "./html.ts";
import { type Page, sendLive, sendPage } from "./page.ts";
import { createRush } from "./rush.ts";
import { connectSwitchboard } from "./switchboard.ts";
import { behaviours, publishPoison, readBehaviour, tellProvider } from "./trials.ts";
import { tryPage } from "./try-page.ts";
import { isOperator, operatorsOnly, visitorOf } from "./visitors.ts";
import type { Watch } from "./watch.ts";

/** Where things may be broken on purpose, by operators alone. Where TRY_IT is not set, a page that says so. */
export function tryRoutes(config: Config, watch: Watch, acts: Pick<Service["acts"], "info">): Router {
  const router = Router();
  const orderUrl = config.services.find(({ name }) => name === "order")?.url;
  if (config.tryIt === undefined || orderUrl === undefined) {
    return router.get("/try", (_request, response) => sendPage(response, notHere));
  }
  const rush = createRush(orderUrl);
  const switchboard = config.tryIt.switchboardUrl && connectSwitchboard(config.tryIt.switchboardUrl);
  let poisoned: string | undefined;

  router.get("/try", (_request, response) =>
    sendLive(response, async () => {
      const [{ flow, services }, behaviour, brokers] = await Promise.all([
        watch.latest(visitorOf(response)?.token),
        orReason(readBehaviour(config)),
        switchboard ? orReason(switchboard.read()) : undefined,
      ]);
      const statuses = services.flatMap(({ status }) => status ?? []);
      const waiting = statuses.flatMap(({ relay, consumers }) => [
        ...relay,
        ...consumers.flatMap(({ roads }) => roads),
      ]);
      return tryPage({
        isOperator: isOperator(response),
        ...{ flow, behaviour, brokers, poisoned, rush: rush.latest() },
        waiting: waiting.reduce((sum, each) => sum + each.waiting, 0),
      });
    }),
  );

  const actions: Readonly<Record<string, (fields: Fields, token?: string) => unknown>> = {
    orders: ({ count }, token) => rush.begin(Math.min(Number(count) || 1, mostOrders), token),
    poison: async () => {
      poisoned = await publishPoison(config);
    },
    provider: ({ behaviour = "" }) => tellProvider(config, named(behaviours, behaviour)),
    brokers: ({ name = "", to }) =>
      switchboard ? switchboard.turn(name, to === "off" ? "off" : "on") : unknown("broker that this console may stop"),
  };
  const form = express.urlencoded({ extended: false, limit: "1kb" });
  router.post("/try/:action", operatorsOnly, form, async (request, response) => {
    const { token, name: by } = visitorOf(response) ?? {};
    const action = String(request.params.action);
    const fields = fieldsOf(request);
    acts.info({ ...fields, by, action }, "tried out from the console");
    await named(actions, action)(fields, token);
    response.redirect(303, "/try");
  });
  return router;
}

const mostOrders = 1_000;

type Fields = Readonly<Record<string, string | undefined>>;

function fieldsOf({ body }: Request): Fields {
  const isText = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === "string";
  return Object.fromEntries(Object.entries((body as object | undefined) ?? {}).filter(isText));
}

function named<Choice>(choices: Readonly<Record<string, Choice>>, name: string): Choice {
  return (Object.hasOwn(choices, name) ? choices[name] : undefined) ?? unknown(name);
}

function unknown(what: string): never {
  throw problem(404, "Not Found", { detail: `There is nothing to try that is called ${what}` });
}

/** What is not known is a line of the page, not an error. */
function orReason<Value>(asked: Promise<Value>): Promise<Value | string> {
  return asked.catch((error) => (error instanceof Error ? error.message : String(error)));
}

const notHere: Page = {
  title: "Try it",
  body: html`<p>Nothing may be tried here: this console does not know that it is a place for that. Where it is one, set
    <code>TRY_IT=true</code>; <code>npm start</code> and Docker Compose do.</p>`,
};
