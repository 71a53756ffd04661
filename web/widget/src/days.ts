/** Whether two moments are on different days, in the time zone of this device. */
export function isOtherDay(one: string, other: string | undefined): boolean {
  return other === undefined || new Date(one).toDateString() !== new Date(other).toDateString();
}

/** The number of days from the day of a moment to that of another: 0 on the same day, -1 for yesterday. */
export function daysBetween(moment: Date, now: Date): number {
  return Math.round((midnight(moment) - midnight(now)) / 86_400_000);
}

function midnight(moment: Date): number {
  return new Date(moment).setHours(0, 0, 0, 0);
}
