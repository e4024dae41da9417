import { type Desk, openDesk } from "@throughline/dead-letters/operation";
import { type Config, openClaims, problem } from "@throughline/service";

/** Where the dead letters of the services are looked at, each opened when somebody first looks, and anew where that failed. */
export type Desks = AsyncDisposable & {
  /** Whose databases the console was told. */
  readonly services: readonly string[];
  open(): Promise<Opened>;
};

export type Opened = {
  readonly desks: readonly Desk[];
  /** Those that cannot be looked at now, and why. */
  readonly silent: readonly Silent[];
};

export type Silent = { readonly service: string; readonly reason: string };

const connections = 3;

export function openDesks(config: Config): Desks {
  const opened = new AsyncDisposableStack();
  const opening = new Map<string, Promise<AsyncDisposable>>();

  function once<Part extends AsyncDisposable>(name: string, open: () => Promise<Part>): Promise<Part> {
    const known = opening.get(name) ?? open().then((part) => opened.use(part));
    opening.set(name, known);
    known.catch(() => opening.delete(name));
    return known as Promise<Part>;
  }
  return {
    services: config.serviceDatabases.map(({ name }) => name),
    async open() {
      const parts = config.serviceDatabases.map(({ name, url }) => {
        const own = { ...config, service: name, databaseUrl: url, databasePoolSize: connections };
        return settled(
          name,
          once(name, () => openDesk(own)),
        );
      });
      // Bodies that were too big to travel are in one place for all.
      const claims = settled(
        "the bodies too big to travel",
        once("claims", () => openClaims(config)),
      );
      const [bodies, ...desks] = await Promise.all([claims, ...parts]);
      return {
        desks: desks.flatMap((desk) => ("part" in desk ? [desk.part] : [])),
        silent: [...desks, bodies].flatMap((each) => ("part" in each ? [] : [each])),
      };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Throws a problem where there is no such service, or its database does not answer. */
export async function openOne(desks: Desks, service: string): Promise<Desk> {
  if (!desks.services.includes(service)) {
    throw problem(404, "Not Found", { detail: `No database of ${service} is known` });
  }
  const { desks: opened, silent } = await desks.open();
  const desk = opened.find((each) => each.service === service);
  if (desk) return desk;
  const reason = silent.find((each) => each.service === service)?.reason;
  throw problem(503, "Service Unavailable", { detail: `The database of ${service} does not answer now: ${reason}` });
}

/** Asks all at once. One that does not answer is a line of the page, not an error. */
export async function askEach<Answer>(
  { desks, silent }: Opened,
  ask: (desk: Desk) => Promise<readonly Answer[]>,
): Promise<{ readonly answers: readonly Answer[]; readonly silent: readonly Silent[] }> {
  const gathered = await gather(desks.map((desk) => ({ service: desk.service, asked: ask(desk) })));
  return { ...gathered, silent: [...silent, ...gathered.silent] };
}

/** The answers of those who answer, and why the others do not. */
export async function gather<Answer>(
  questions: readonly { readonly service: string; readonly asked: Promise<readonly Answer[]> }[],
): Promise<{ readonly answers: readonly Answer[]; readonly silent: readonly Silent[] }> {
  const all = await Promise.all(questions.map(({ service, asked }) => settled(service, asked)));
  return {
    answers: all.flatMap((each) => ("part" in each ? each.part : [])),
    silent: all.flatMap((each) => ("part" in each ? [] : [each])),
  };
}

async function settled<Part>(service: string, work: Promise<Part>): Promise<{ readonly part: Part } | Silent> {
  try {
    return { part: await work };
  } catch (error) {
    return { service, reason: error instanceof Error ? error.message : String(error) };
  }
}
