/** A tree of calls as an SVG: as wide as long, callers below, the name of each on hovering. */
import { writeFileSync } from 'node:fs';
import type { Call } from './cpu-profile.js';
import { escapeXml } from './report.js';

const width = 1600;
const rowHeight = 16;
const charWidth = 6.2;
const narrowest = 0.5;

export function writeFlameGraph(file: string, root: Call): void {
  const shown = { ...root, calls: root.calls.filter(({ name }) => name !== '(idle)') };
  const busy = shown.calls.reduce((sum, { totalUs }) => sum + totalUs, 0);
  const boxes: string[] = [];
  const depth = draw(shown, 0, 0, width / Math.max(1, busy), boxes);
  const height = (depth + 1) * rowHeight;
  writeFileSync(
    file,
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
      `font-family="monospace" font-size="10"><g transform="matrix(1 0 0 -1 0 ${height})">\n` +
      `${boxes.join('\n')}\n</g></svg>\n`,
  );
}

/** Returns the depth of the tree. */
function draw(call: Call, left: number, row: number, scale: number, boxes: string[]): number {
  let x = left;
  let deepest = row;
  for (const child of [...call.calls].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const wide = child.totalUs * scale;
    if (wide >= narrowest) {
      boxes.push(box(child, x, row, wide));
      deepest = Math.max(deepest, draw(child, x, row + 1, scale, boxes));
    }
    x += wide;
  }
  return deepest;
}

function box({ name, totalUs }: Call, x: number, row: number, wide: number): string {
  const y = row * rowHeight;
  const label = escapeXml(name.slice(0, Math.max(0, Math.floor(wide / charWidth) - 1)));
  const hue = [...name].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 60, 0);
  return (
    `<g><title>${escapeXml(name)}: ${(totalUs / 1000).toFixed(1)} ms</title>` +
    `<rect x="${x.toFixed(1)}" y="${y}" width="${wide.toFixed(1)}" height="${rowHeight - 1}" ` +
    `fill="hsl(${hue} 75% 65%)"/>` +
    `<text transform="matrix(1 0 0 -1 ${(x + 2).toFixed(1)} ${y + 4})">${label}</text></g>`
  );
}
