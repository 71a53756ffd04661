/** What the scrolled region of messages shows. */
export interface Scrolled {
  /** Of the first loaded message; 0 without one. */
  firstSeq: number;
  /** The number of messages of the visitor that are shown, sent or not. */
  own: number;
  height: number;
  top: number;
  isAtEnd: boolean;
}

const END_PX = 40;

export function isAtEnd(top: number, shown: number, height: number): boolean {
  return height - top - shown < END_PX;
}

/** What the region shows now, if its reader has scrolled since it was noted: the event of it may not have come yet. */
export function scrolledTo(before: Scrolled, now: { top: number; shown: number; height: number }): Scrolled {
  if (now.top === before.top) return before;
  return { ...before, top: now.top, isAtEnd: isAtEnd(now.top, now.shown, Math.min(before.height, now.height)) };
}

/**
 * Return the position after a change of the messages: older ones do not move what is being read, an own message is
 * shown, and others are shown if the end was. `height` is that of the content after the change.
 */
export function topAfter(before: Scrolled, after: Pick<Scrolled, "firstSeq" | "own" | "height">): number {
  const isPrepended = before.firstSeq > 0 && after.firstSeq < before.firstSeq;
  if (isPrepended) return before.top + after.height - before.height;
  return before.isAtEnd || after.own > before.own ? after.height : before.top;
}
