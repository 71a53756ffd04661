// The position in the messages of the open conversation: at the end, or where the user reads.

import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Store } from "./state/store";
import type { Thread } from "./state/thread";

const NEAR_PX = 120;
const MARGIN_PX = 24;

interface Position {
  thread: Thread | null;
  top: number;
  sent: number;
  // A message in view, and its distance from the top of the box.
  anchor: HTMLElement | null;
  offset: number;
}

// Open at the message searched for, else at the first unread one, else at the end. Then follow the end if the user is
// there or has sent a message, else stay where the user reads, whatever is added above or below.
export function useScrolling(store: Store, thread: Thread, sent: number): RefObject<HTMLDivElement | null> {
  const box = useRef<HTMLDivElement>(null);
  const position = useRef<Position>({ thread: null, top: 0, sent: 0, anchor: null, offset: 0 });

  useLayoutEffect(() => {
    const element = box.current;
    if (!element || thread.state !== "ready") return;
    const last = position.current;
    const isOpening = last.thread !== thread;
    if (isOpening) fillWindow(element);
    const target = isOpening || thread.reading.isJumping ? targetOf(element, thread) : null;
    const isMoved = isOpening || target !== null || sent > last.sent;
    position.current = { ...last, thread, sent };
    if (!isMoved && element.scrollTop !== last.top) return; // the event of this scroll follows
    if (target) element.scrollTop += distance(element, target) - MARGIN_PX;
    else if (isMoved || thread.reading.isAtEnd) element.scrollTop = element.scrollHeight;
    else if (last.anchor?.isConnected) element.scrollTop += distance(element, last.anchor) - last.offset;
    thread.reading.isJumping = false;
    note(element);
    if (isMoved) judge(element);
  });

  useLayoutEffect(() => {
    const element = box.current;
    if (!element || thread.state !== "ready") return;
    const onScroll = () => {
      const isUp = element.scrollTop < position.current.top;
      if (isUp || isNearEnd(element)) judge(element);
      note(element);
      // Last, since it renders before another listener is called.
      if (isUp && element.scrollTop < NEAR_PX) void store.loadOlder();
    };
    const resized = new ResizeObserver((changes) => {
      if (changes.some(({ target }) => target === element)) fillWindow(element);
      const hasLeft = element.scrollTop < position.current.top && !isNearEnd(element); // the event follows
      if (thread.reading.isAtEnd && !hasLeft) element.scrollTop = element.scrollHeight;
    });
    element.addEventListener("scroll", onScroll, { passive: true });
    resized.observe(element);
    if (element.firstElementChild) resized.observe(element.firstElementChild);
    return () => {
      element.removeEventListener("scroll", onScroll);
      resized.disconnect();
    };
  }, [thread, thread.state]);

  const judge = (element: HTMLElement) => {
    const { reading, history } = thread;
    const wasAtEnd = reading.isAtEnd;
    if (isNearEnd(element)) reading.reachEnd(history);
    else reading.isAtEnd = false;
    if (wasAtEnd === reading.isAtEnd) return;
    if (reading.isAtEnd && store.openId && store.isReadOnView(store.openId)) store.markRead(store.openId);
    store.changed();
  };
  const note = (element: HTMLElement) => {
    const anchor = firstInView(element);
    Object.assign(position.current, { top: element.scrollTop, anchor, offset: anchor ? distance(element, anchor) : 0 });
  };
  return box;
}

// In a short window the pane scrolls, too: show its end, which is as high as the window.
function fillWindow({ parentElement: pane }: HTMLElement): void {
  pane?.scrollTo(0, pane.scrollHeight);
}

function isNearEnd(element: HTMLElement): boolean {
  return element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
}

function distance(box: HTMLElement, element: HTMLElement): number {
  return element.getBoundingClientRect().top - box.getBoundingClientRect().top;
}

function targetOf(box: HTMLElement, { reading }: Thread): HTMLElement | null {
  const hit = reading.hitSeq ? box.querySelector<HTMLElement>(`[data-seq="${reading.hitSeq}"]`) : null;
  return hit ?? box.querySelector<HTMLElement>(".unread-line");
}

function firstInView(box: HTMLElement): HTMLElement | null {
  const { top } = box.getBoundingClientRect();
  const isInView = (element: Element) => element.getBoundingClientRect().bottom > top;
  const block = [...box.querySelectorAll(".block")].find(isInView);
  return [...(block?.querySelectorAll<HTMLElement>("article") ?? [])].find(isInView) ?? null;
}
