import { once } from "node:events";
import { createServer } from "node:net";

/** Distances from the base port, in development 14000, by which everyone finds everything. */
export const offsets = { postgres: 10, kafka: 20, rabbitmq: 30, snsSqs: 40 } as const;

/** Rejects, saying who wants the port and how to find who has it. */
export async function assertPortIsFree(port: number, wantedBy: string): Promise<void> {
  if (await isFree(port)) return;
  const hint = `Find its owner with "ss -ltnp 'sport = :${port}'" or "lsof -i :${port}".`;
  throw new Error(`Port ${port}, which ${wantedBy} needs, is in use by another program. ${hint}`);
}

/**
 * A base port with the sixty above it free, below the range from which systems take ports for clients. No process that
 * asks likewise gets it as well, as long as this one lives.
 */
export async function freeBasePort(): Promise<number> {
  for (;;) {
    const base = 18_000 + 100 * Math.floor(Math.random() * 140);
    if (!(await reserve(base + 99))) continue;
    const ports = Array.from({ length: 61 }, (_, offset) => base + offset);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return base;
  }
}

/** Whoever listens first has it, and keeps it until its process ends. */
async function reserve(port: number): Promise<boolean> {
  const server = createServer().unref();
  server.listen(port, "127.0.0.1");
  return await once(server, "listening").then(
    () => true,
    () => false,
  );
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().unref();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") return false;
    throw error;
  } finally {
    server.close();
  }
}
