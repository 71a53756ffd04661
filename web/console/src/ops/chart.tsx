// A line chart of the last minutes, drawn by hand: what is newest is at the right.

const WIDTH = 300;
const HEIGHT = 100;
const SLOTS = 150;

export interface Line {
  name: string;
  // null: there is no figure for that moment.
  values: (number | null)[];
}

export function Chart({ title, lines, show }: { title: string; lines: Line[]; show: (value: number) => string }) {
  const top = ceiling(Math.max(0, ...lines.flatMap((line) => line.values.map((value) => value ?? 0))));
  const last = (line: Line) => {
    const value = line.values.at(-1);
    return value === null || value === undefined ? "–" : show(value);
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
          aria-label={`${title}, the last five minutes. Now: ${summary}. Scale to ${show(top)}.`}
        >
          <path class="grid" d={`M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}`} />
          {lines.map((line, number) => (
            <path key={line.name} class={`line line-${number}`} d={path(line.values, top)} />
          ))}
        </svg>
        <span class="scale" aria-hidden="true">
          {show(top)}
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
  values.forEach((value, place) => {
    if (value !== null) {
      const x = ((first + place) / (SLOTS - 1)) * WIDTH;
      const y = HEIGHT - (value / top) * HEIGHT;
      drawn += `${isDrawing ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}${isDrawing ? "" : "h0"}`; // alone it is a dot
    }
    isDrawing = value !== null;
  });
  return drawn;
}

// The next 1, 2 or 5 of a power of ten.
function ceiling(value: number): number {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10);
}
