const open = new Set<string>();

/** The parts of this process that are closing at this moment, by name. */
export function closingParts(): readonly string[] {
  return [...open];
}

/** Closes a part; while that lasts, `closingParts` names it, so that a shutdown that hangs says where. */
export async function closePart(name: string, close: () => PromiseLike<unknown>): Promise<void> {
  open.add(name);
  try {
    await close();
  } finally {
    open.delete(name);
  }
}
