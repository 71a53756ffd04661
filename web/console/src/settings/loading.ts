// Data of the REST API in components: loaded once, again when the tab becomes visible, and in pages.

import type { RestClient } from "@hummdesk/client/rest";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { useRest } from "./context";

export interface Loaded<T> {
  value: T | null;
  failure: unknown;
  reload: () => Promise<void>;
}

// `load` is called again after each change of `key`. Answers to earlier calls are ignored.
export function useLoaded<T>(key: string, load: (rest: RestClient) => Promise<T>, { isLive = true } = {}): Loaded<T> {
  const rest = useRest();
  const [state, setState] = useState<{ value: T | null; failure: unknown }>({ value: null, failure: null });
  const generation = useRef(0);
  const reload = useCallback(async () => {
    generation.current += 1;
    const own = generation.current;
    const next = await load(rest).then(
      (value) => ({ value, failure: null }),
      (failure: unknown) => ({ value: null, failure }),
    );
    if (own === generation.current) setState(next);
  }, [rest, key]);
  useEffect(() => {
    setState({ value: null, failure: null });
    void reload();
    const onVisible = () => document.visibilityState === "visible" && void reload();
    if (isLive) document.addEventListener("visibilitychange", onVisible);
    return () => {
      generation.current += 1;
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [reload]);
  return { ...state, reload };
}

// The rows of all pages of a list that is short, such as that of teams.
export async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

export interface Pages<T> {
  rows: T[] | null;
  failure: unknown;
  hasMore: boolean;
  more: () => Promise<void>;
  reload: () => Promise<void>;
}

type Page<T, Noun extends string> = { [N in Noun]: T[] } & { nextCursor?: string };

// The rows of a list, page by page. The first page is loaded again after each change of `key`.
export function usePages<T, Noun extends string>(
  noun: Noun,
  list: (rest: RestClient, page: { cursor?: string }) => Promise<Page<T, Noun>>,
  key = "",
): Pages<T> {
  const rest = useRest();
  const [older, setOlder] = useState<{ rows: T[]; cursor: string | undefined } | null>(null);
  const first = useLoaded(noun + key, async (rest) => {
    const page = await list(rest, {});
    setOlder(null);
    return page;
  });
  const cursor = older ? older.cursor : first.value?.nextCursor;
  const more = async () => {
    if (!cursor) return;
    const page = await list(rest, { cursor });
    setOlder({ rows: [...(older?.rows ?? []), ...page[noun]], cursor: page.nextCursor });
  };
  return {
    rows: first.value && [...first.value[noun], ...(older?.rows ?? [])],
    failure: first.failure,
    hasMore: cursor !== undefined,
    more,
    reload: first.reload,
  };
}
