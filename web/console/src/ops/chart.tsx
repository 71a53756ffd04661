// A line chart of the last five minutes in SVG, the newest value at the right.

import { t } from "@hummdesk/texts";

const WIDTH = 300;
const HEIGHT = 100;
const SLOTS = 150;

export interface Line {
  name: string;
  // null: no value at that time.
  values: (number | null)[];
}

export function Chart({ title, lines, format }: { title: string; lines: Line[]; format: (value: number) => string }) {
  const top = ceiling(Math.max(0, ...lines.flatMap((line) => line.values.map((value) => value ?? 0))));
  const last = (line: Line) => {
    const value = line.values.at(-1);
    return value === null || value === undefined ? "–" : format(value);
  };
  const summary = lines.map((line) => `${line.name} ${last(line)}`).join(", ");
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div class="plot">
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={t("ops.chart", { title, now: summary, most: format(top) })}
        >
          <path class="grid" d={`M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}`} />
          {lines.map((line, number) => (
            <path key={line.name} class={`line line-${number}`} d={path(line.values, top)} />
          ))}
        </svg>
        <span class="scale" aria-hidden="true">
          {format(top)}
        </span>
      </div>
      <ul class="plain legend" aria-hidden="true">
        {lines.map((line, number) => (
          <li key={line.name}>
            <svg viewBox="0 0 16 4" class="swatch" aria-hidden="true" focusable="false">
              <path class={`line line-${number}`} d="M0 2H16" />
            </svg>
            {line.name} <strong>{last(line)}</strong>
          </li>
        ))}
      </ul>
    </figure>
  );
}

function path(values: (number | null)[], top: number): string {
  const first = SLOTS - values.length;
  let isDrawing = false;
  let drawn = "";
  values.forEach((value, index) => {
    if (value !== null) {
      const x = ((first + index) / (SLOTS - 1)) * WIDTH;
      const y = HEIGHT - (value / top) * HEIGHT;
      drawn += `${isDrawing ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}${isDrawing ? "" : "h0"}`; // "h0" draws a single point as a dot
    }
    isDrawing = value !== null;
  });
  return drawn;
}

// The smallest 1, 2 or 5 times a power of ten that is not below the value.
function ceiling(value: number): number {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10);
}
