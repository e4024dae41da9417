import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium as executablePath } from "@throughline/local/chromium";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll } from "vitest";
import { cookieName } from "./visitors.ts";

export type VisitOptions = {
  /** Default: light. */
  readonly colorScheme?: "light" | "dark";
  /** Of the window, in pixels. Default: 1280. */
  readonly width?: number;
  /** Default: true, and nothing moves. */
  readonly reducedMotion?: boolean;
  /** Who they have signed in as. Default: nobody. */
  readonly token?: string;
};

export type Visit = {
  readonly page: Page;
  /** A sentence for each fault of the page as it now is: in its console, in what it loads, for who cannot see it well. */
  faults(): Promise<string[]>;
  /** Of these, what keeps out who cannot see it well. */
  obstacles(): Promise<string[]>;
  /** The same in light and dark, wide and narrow. Two pictures are left in `.vitest/pages`, to be looked at. */
  faultsInEveryView(name: string): Promise<string[]>;
} & AsyncDisposable;

/** Tests that need one are skipped where this machine has none, which CI does not accept. */
export const hasBrowser = executablePath !== undefined;

const views = [
  { colorScheme: "light", width: 1_280, picture: "wide" },
  { colorScheme: "light", width: 390 },
  { colorScheme: "dark", width: 390, picture: "narrow" },
  { colorScheme: "dark", width: 1_280 },
] as const;
const pictures = `${import.meta.dirname}/../.vitest/pages`;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Opens a page as a person of its own, in the one browser of this file of tests. */
export async function visit(url: string, options: VisitOptions = {}): Promise<Visit> {
  const { colorScheme = "light", width = 1_280, reducedMotion = true, token } = options;
  browser ??= chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox"] });
  const context = await (await browser).newContext({
    ...{ colorScheme, reducedMotion: reducedMotion ? "reduce" : "no-preference" },
    viewport: { width, height: 900 },
  });
  if (token !== undefined) await context.addCookies([{ name: cookieName, value: token, url, sameSite: "Strict" }]);
  const page = await context.newPage();
  const heard = listen(page, new URL(url).origin);
  await page.goto(url);
  const shown = async () => [...(await findObstacles(page)), ...(await findOverflow(page))];
  return {
    page,
    obstacles: () => findObstacles(page),
    faults: async () => [...heard, ...(await shown())],
    async faultsInEveryView(name) {
      const found: string[] = [];
      for (const view of views) {
        await page.emulateMedia({ colorScheme: view.colorScheme });
        await page.setViewportSize({ width: view.width, height: 900 });
        found.push(...(await shown()).map((fault) => `${view.colorScheme}, ${view.width} wide: ${fault}`));
        if ("picture" in view)
          await page.screenshot({ path: `${pictures}/${name}-${view.picture}.png`, fullPage: true });
      }
      return [...heard, ...found];
    },
    [Symbol.asyncDispose]: () => context.close(),
  };
}

/** By the Tab key alone, and then Enter, which leads to another page. */
export async function follow(page: Page, role: "link" | "button", name: string | RegExp): Promise<void> {
  await reach(page, role, name);
  const loaded = page.waitForEvent("load");
  await page.keyboard.press("Enter");
  await loaded;
}

/** By the Tab key alone. */
export async function reach(page: Page, role: "link" | "button" | "textbox", name: string | RegExp): Promise<void> {
  const target = page.getByRole(role, { name, exact: true }).first();
  await target.waitFor();
  for (let step = 0; step < 60; step += 1) {
    if (await target.evaluate((element) => element === element.ownerDocument.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not lead to ${role} ${name}`);
}

let browser: Promise<Browser> | undefined;
afterAll(async () => (await browser)?.close());

function listen(page: Page, origin: string): readonly string[] {
  const heard: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) heard.push(`The console says: ${message.text()}`);
  });
  page.on("pageerror", (error) => heard.push(`The page threw: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && url.protocol !== "data:") heard.push(`The page asked ${url.href}`);
  });
  return heard;
}

/** What axe-core finds that keeps people out. */
async function findObstacles(page: Page): Promise<string[]> {
  await page.evaluate(`globalThis.axe ?? (() => {${axe}})()`);
  // axe puts itself into the page's global scope.
  const violations = (await page.evaluate(
    "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)",
  )) as readonly {
    readonly help: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
  return violations.flatMap(({ help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${help}: ${html} ${failureSummary}`),
  );
}

async function findOverflow(page: Page): Promise<string[]> {
  const [content = 0, window = 0] = (await page.evaluate(
    "[document.documentElement.scrollWidth, document.documentElement.clientWidth]",
  )) as number[];
  return content > window ? [`The page is ${content} pixels wide in a window of ${window}`] : [];
}
