// Durations and shares as display text.

import { number } from "@hummdesk/texts";

const UNITS = [
  { unit: "day", seconds: 86_400, from: 2 * 86_400 },
  { unit: "hour", seconds: 3600, from: 3600 },
  { unit: "minute", seconds: 60, from: 60 },
  { unit: "second", seconds: 1, from: 0 },
];

export function duration(seconds: number | undefined): string {
  if (seconds === undefined) return "–";
  const { unit, seconds: size } = UNITS.find((one) => seconds >= one.from) ?? { unit: "second", seconds: 1 };
  const value = seconds / size;
  return number(value, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: value < 10 ? 1 : 0 });
}

export function average(rating: number | undefined): string {
  return rating === undefined ? "–" : number(rating, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}
