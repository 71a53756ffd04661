// Requests to translate or rewrite a text. The result is an event for this agent alone.

import type { AIAssist, AIError, AIRunEnd, Assistance, RequestAssist } from "@hummdesk/client";
import { useEffect, useState } from "preact/hooks";
import { useStore } from "../state/context";
import type { Store } from "../state/store";

// Longer than any run: an event may have been lost with the connection.
const LONGEST_MS = 120_000;
const KNOWN_MS = 60_000;

// Returns the result, or null if the run has failed. Rejects if the request is refused.
export async function request(store: Store, wanted: RequestAssist): Promise<AIAssist | null> {
  const { client } = store;
  const { socket } = client;
  const ends = new Map<string, AIAssist | null>(); // an event may arrive before the response that names its run
  let awaited: string | undefined;
  let settle: (end: AIAssist | null) => void = () => {};
  const ended = new Promise<AIAssist | null>((resolve) => {
    settle = resolve;
  });
  const end = (runId: string, result: AIAssist | null) => {
    if (!ends.has(runId)) ends.set(runId, result);
    if (runId === awaited) settle(ends.get(runId) ?? null);
  };
  const onResult = (result: AIAssist) => end(result.runId, result);
  const onEnd = ({ runId }: AIRunEnd | AIError) => end(runId, null);
  socket.on("ai_assist", onResult);
  socket.on("ai_processing_completed", onEnd);
  socket.on("ai_error", onEnd);
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    awaited = (await client.request("request_assist", wanted)).runId;
    const early = ends.get(awaited);
    if (early !== undefined) return early;
    timer = setTimeout(() => settle(null), LONGEST_MS);
    return await ended;
  } finally {
    clearTimeout(timer);
    socket.off("ai_assist", onResult);
    socket.off("ai_processing_completed", onEnd);
    socket.off("ai_error", onEnd);
  }
}

let known: { store: Store; at: number; found: Promise<Assistance> } | undefined;

// What can be translated and rewritten; undefined until it is known.
export function useAssistance(): Assistance | undefined {
  const store = useStore();
  const [assistance, setAssistance] = useState<Assistance>();
  useEffect(() => {
    if (known?.store !== store || known.at < Date.now() - KNOWN_MS)
      known = { store, at: Date.now(), found: store.client.request("get_assistance") };
    known.found.then(setAssistance, () => {
      known = undefined; // the next one asks again
    });
  }, [store]);
  return assistance;
}
