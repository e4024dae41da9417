import type { Result } from "./result.ts";
import { format, machineLine } from "./text.ts";

const [width, left, right, top, rowHeight] = [760, 200, 150, 64, 30];

/** The first figure of each contender as a bar, with a line from the least to the most. */
export function toSvg({ bench, machine, validRounds, standings }: Result): string {
  const [figure] = bench.figures;
  const spreads = standings.map(({ figures }) => figures[figure.name]);
  const most = Math.max(...spreads.map((spread) => spread?.most ?? 0), Number.MIN_VALUE);
  const at = (value: number) => left + ((width - left - right) * value) / most;
  const height = top + rowHeight * standings.length + 34;
  const rows = standings.map(({ contender, toProbe }, index) => {
    const spread = spreads[index];
    const y = top + rowHeight * index;
    const name = `<text x="${left - 10}" y="${y + 15}" text-anchor="end">${toXml(contender)}</text>`;
    if (spread === undefined) return `${name}<text x="${left}" y="${y + 15}" class="quiet">refused</text>`;
    const { median, least, most } = spread;
    const label = `${format(median)}${toProbe && index > 0 ? ` (${format(toProbe.median)} ×)` : ""}`;
    return (
      `${name}<rect x="${left}" y="${y}" width="${round(at(median) - left)}" height="20" class="${classOf(contender)}"/>` +
      `<path d="M${round(at(least))} ${y + 10}H${round(at(most))}"/>` +
      `<text x="${round(at(most) + 8)}" y="${y + 15}">${label}</text>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">
<style>svg{background:#fff}.ours{fill:#2563eb}.theirs{fill:#cbd5e1}path{stroke:#334155;stroke-width:2}.quiet{fill:#64748b;font-size:11px}</style>
<text x="16" y="24" font-size="15" font-weight="bold">${toXml(`${bench.name}: ${figure.name}, ${figure.unit}`)}</text>
<text x="16" y="44" class="quiet">${toXml(bench.about)}</text>
${rows.join("\n")}
<text x="16" y="${height - 12}" class="quiet">${toXml(`Medians of ${validRounds} rounds, line from least to most. ${machineLine(machine)}`)}</text>
</svg>
`;
}

function classOf(contender: string): string {
  return contender.startsWith("throughline") ? "ours" : "theirs";
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function toXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
