import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";

test("it listens where it is told, and on loopback alone unless told otherwise", async () => {
  const port = String(30_000 + Math.floor(Math.random() * 2_000));
  await using emulator = start({ PORT: port });
  await emulator.ready;
  expect(await accepts("127.0.0.1", port)).toBe(true);
  expect(await accepts("127.0.0.2", port)).toBe(false);
});

test("it ends when it is asked to", async () => {
  await using emulator = start({ PORT: String(32_000 + Math.floor(Math.random() * 500)) });
  await emulator.ready;
  emulator.process.kill("SIGTERM");
  await once(emulator.process, "exit");
  expect(emulator.process.signalCode ?? emulator.process.exitCode).not.toBeNull();
});

function start(env: Readonly<Record<string, string>>) {
  const options = {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"] as ["ignore", "pipe", "inherit"],
  };
  const child: ChildProcess = spawn(process.execPath, [`${import.meta.dirname}/main.ts`], options);
  return {
    process: child,
    ready: once(child.stdout ?? child, "data"),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

/** Whether a server on all addresses, or on this one, is there: the whole of 127/8 leads to this machine. */
async function accepts(host: string, port: string): Promise<boolean> {
  const socket = connect(Number(port), host);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false; // Refused: that is the answer.
  } finally {
    socket.destroy();
  }
}
