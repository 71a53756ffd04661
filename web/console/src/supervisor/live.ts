// Updates by events: after one that may have changed what is shown, at most once in an interval, while the tab is visible.

import { useEffect, useState } from "preact/hooks";
import { useStore } from "../state/context";

const EVENTS = /^(conversation_|agent_|new_message$)/;

export function useLive(reload: () => Promise<void>, intervalMs: number): void {
  const { client } = useStore();
  useEffect(() => {
    let timer = 0;
    let last = Date.now();
    const run = () => {
      timer = 0;
      if (document.visibilityState !== "visible") return; // it is loaded again when the tab becomes visible
      last = Date.now();
      void reload();
    };
    const onEvent = (event: string) => {
      if (timer === 0 && EVENTS.test(event))
        timer = window.setTimeout(run, Math.max(0, last + intervalMs - Date.now()));
    };
    client.socket.onAny(onEvent);
    return () => {
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
