/** The curl and kcat commands of a text, each on one line however many it takes there. */
export function commandsOf(text: string): string[] {
  const lines = text.replaceAll(/\\\n\s*/g, "").split("\n");
  return lines.map((line) => line.trim()).filter((line) => /^(curl|kcat) /.test(line));
}
