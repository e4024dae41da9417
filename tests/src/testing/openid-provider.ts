import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { freeBasePort } from "@throughline/local/ports";

/** How it signs its tokens. */
export type Algorithm = "RS256" | "PS256" | "ES256" | "EdDSA";

/** Who may ask it for tokens, and what these say of them beside their names. */
export const clients = { ann: { roles: ["operator"] }, "c-1": {} } as const;

/** An OpenID provider that is none of ours, in a process of its own. */
export type OpenidProvider = AsyncDisposable & {
  readonly issuer: string;
  /** A signed token of the client for the audience. Without one, what only the provider can read. */
  token(client: keyof typeof clients, audience?: string): Promise<string>;
  /** Ends it, and starts it at its address with other keys. */
  restart(): Promise<void>;
};

const program = fileURLToPath(new URL("openid-provider-process.ts", import.meta.url));

export async function startOpenidProvider(algorithm: Algorithm): Promise<OpenidProvider> {
  const port = await freeBasePort();
  const issuer = `http://127.0.0.1:${port}`;
  let child = await start();
  return {
    issuer,
    async token(client, audience) {
      const resource = audience === undefined ? {} : { resource: `urn:example:${audience}` };
      const response = await fetch(`${issuer}/token`, {
        method: "POST",
        headers: { authorization: `Basic ${btoa(`${client}:secret`)}` },
        body: new URLSearchParams({ grant_type: "client_credentials", ...resource }),
      });
      const answer = (await response.json()) as { readonly access_token?: string };
      if (answer.access_token === undefined) throw new Error(`The provider gave no token: ${JSON.stringify(answer)}`);
      return answer.access_token;
    },
    async restart() {
      await end(child);
      child = await start();
    },
    [Symbol.asyncDispose]: () => end(child),
  };

  async function start(): Promise<ChildProcess> {
    const started = fork(program, [String(port), algorithm], { stdio: "ignore" });
    const ended = once(started, "exit").then(([code]) => {
      throw new Error(`The provider has ended with ${code} before it listened at ${issuer}`);
    });
    await Promise.race([once(started, "message"), ended]);
    return started;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  await once(child, "exit");
}
