// Updates by events: after one that may have changed what is shown, at most once in an interval, while the tab is visible.

import { useEffect, useState } from "preact/hooks";
import { useStore } from "../state/context";

const EVENTS = /^(conversation_|agent_|new_message$)/;

export function useLive(reload: () => Promise<void>, intervalMs: number): void {
  const { client } = useStore();
  useEffect(() => {
    let timer = 0; // 0: neither waiting nor loading, since the answer to an overtaken request is ignored
    let isStale = false;
    let isEnded = false;
    let last = Date.now();
    const start = () => {
      timer = window.setTimeout(() => void run(), Math.max(0, last + intervalMs - Date.now()));
    };
    const run = async () => {
      isStale = false;
      // it is loaded again when the tab becomes visible
      if (document.visibilityState === "visible") {
        last = Date.now();
        await reload();
      }
      timer = 0;
      if (isStale && !isEnded) start();
    };
    const onEvent = (event: string) => {
      if (!EVENTS.test(event)) return;
      isStale = true;
      if (timer === 0) start();
    };
    client.socket.onAny(onEvent);
    return () => {
      isEnded = true;
      clearTimeout(timer);
      client.socket.offAny(onEvent);
    };
  }, [client, reload, intervalMs]);
}

// The current time, again after each interval.
export function useNow(intervalMs: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
  return now;
}
