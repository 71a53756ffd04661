// The messages of a conversation in blocks that are rendered, and left as they are, one by one.

import type { Activity, History } from "@hummdesk/client";
import type { Message } from "../types";

export interface Block {
  // The same for a message, whatever is loaded before it.
  number: number;
  messages: Message[];
  // The message before the first one.
  previous: Message | undefined;
  // The moves before each message.
  moves: Activity[][];
}

const BLOCK_SIZE = 50;
const NONE: Activity[] = [];

// Divide the history into blocks. Blocks without a change are those of the last call.
export function divide(history: History, last: readonly Block[]): Block[] {
  const known = new Map(last.map((block) => [block.number, block]));
  return parts(history).map((block) => {
    const before = known.get(block.number);
    return before && isSame(before, block) ? before : block;
  });
}

// The moves after the last message.
export function lastMoves(history: History): Activity[] {
  return history.movesBefore(history.messages.length);
}

// A mark up to which messages are read, as far as it matters in the block: a change elsewhere changes nothing here.
export function upTo({ messages }: Block, seq: number): number {
  return Math.min(seq >= (messages[0]?.seq ?? 0) ? seq : 0, messages.at(-1)?.seq ?? 0);
}

// The sequence number of a message if it is in the block, else 0.
export function inside(block: Block, seq: number): number {
  return upTo(block, seq) === seq ? seq : 0;
}

function parts(history: History): Block[] {
  const { messages } = history;
  const moves = movesByPlace(history);
  const blocks: Block[] = [];
  for (const [n, message] of messages.entries()) {
    const number = Math.floor(message.seq / BLOCK_SIZE);
    let block = blocks.at(-1);
    if (block?.number !== number) {
      block = { number, messages: [], previous: messages[n - 1], moves: [] };
      blocks.push(block);
    }
    block.messages.push(message);
    block.moves.push(moves.get(n) ?? NONE);
  }
  return blocks;
}

// The moves by the number of the message that follows them.
function movesByPlace(history: History): Map<number, Activity[]> {
  const places = new Set(history.activity.map((line) => placeOf(history.messages, line.timestamp)));
  return new Map([...places].map((n) => [n, history.movesBefore(n)]));
}

// The number of the first message after a point in time.
function placeOf(messages: readonly Message[], timestamp: string): number {
  let [low, high] = [0, messages.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((messages[middle]?.timestamp ?? "") > timestamp) high = middle;
    else low = middle + 1;
  }
  return low;
}

function isSame(a: Block, b: Block): boolean {
  return (
    a.previous === b.previous &&
    isEqual(a.messages, b.messages) &&
    a.moves.every((one, n) => isEqual(one, b.moves[n] ?? NONE))
  );
}

function isEqual<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((one, n) => one === b[n]);
}
