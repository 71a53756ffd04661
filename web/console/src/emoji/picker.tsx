// The emoji picker: all emoji by group, found by their names in the language of the page. Unicode's data is loaded with it.

import { type Language, language, t } from "@hummdesk/texts";
import deEmoji from "emojibase-data/de/compact.json?url";
import deNames from "emojibase-data/de/messages.json?url";
import enEmoji from "emojibase-data/en/compact.json?url";
import enNames from "emojibase-data/en/messages.json?url";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Dialog } from "../components/dialog";
import { Icon } from "../components/icon";
import { useStore } from "../state/context";
import {
  beside,
  type Emoji,
  type Group,
  grouped,
  matching,
  type Names,
  RecentEmoji,
  storeTone,
  TONES,
  type Tone,
  toned,
  toneOf,
} from "./emoji";
import "./picker.css";

const HAND = "✋";
const FILES: Record<Language, [emoji: string, names: string]> = { en: [enEmoji, enNames], de: [deEmoji, deNames] };

async function load(): Promise<Group[]> {
  const answers = await Promise.all(FILES[language].map((address) => fetch(address)));
  if (!answers.every(({ ok }) => ok)) throw new Error("The emoji could not be loaded");
  const [emoji, names] = await Promise.all(answers.map((answer) => answer.json()));
  return grouped(emoji as Emoji[], names as Names);
}

export function EmojiPicker({ close, choose }: { close: () => void; choose: (emoji: string) => void }) {
  const store = useStore();
  const recent = useMemo(() => new RecentEmoji(localStorage, store.credentials.userId), []);
  const list = useRef<HTMLDivElement>(null);
  const [groups, setGroups] = useState<Group[]>([]);
  const [text, setText] = useState("");
  const [selected, select] = useState(0);
  const [tone, setTone] = useState(() => toneOf(localStorage, store.credentials.userId));
  useEffect(() => {
    load().then(setGroups, () => {
      store.showToast(t("common.noResponse"));
      close();
    });
  }, []);
  const shown = useMemo(() => {
    const found = text.trim() ? matching(groups, text) : recent.before(groups, t("extras.emoji.recent"));
    return toned(found, tone);
  }, [groups, text, tone]);
  const options = () => [...(list.current?.querySelectorAll<HTMLElement>("[role=option]") ?? [])];
  const run = (emoji: string) => {
    close();
    requestAnimationFrame(() => choose(emoji)); // an open modal dialog keeps the focus inside
    recent.add(emoji); // last: the browser's storage may be full
  };
  const chooseTone = (one: Tone) => {
    setTone(one);
    storeTone(localStorage, store.credentials.userId, one); // last: the browser's storage may be full
  };
  // The list is long: only the options that change are touched.
  useLayoutEffect(() => {
    const option = options()[selected];
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    return () => option?.setAttribute("aria-selected", "false");
  }, [selected, shown]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    const all = options();
    if (event.key === "ArrowRight") select(Math.max(Math.min(selected + 1, all.length - 1), 0));
    else if (event.key === "ArrowLeft") select(Math.max(selected - 1, 0));
    else if (event.key === "ArrowDown") select(beside(all, selected, 1));
    else if (event.key === "ArrowUp") select(beside(all, selected, -1));
    else if (event.key === "Enter") all[selected]?.click();
    else return;
    event.preventDefault();
  };
  const found = useMemo(() => shown.map((group) => <Section key={group.key} group={group} run={run} />), [shown]);
  return (
    <Dialog label={t("console.emoji.label")} close={close} class="emoji-picker">
      <div class="palette-field">
        <Icon name="search" />
        <input
          autofocus
          role="combobox"
          aria-expanded="true"
          aria-controls="emoji-list"
          aria-activedescendant={shown.length > 0 ? optionId(shown, selected) : undefined}
          aria-label={t("extras.emoji.search")}
          placeholder={t("extras.emoji.search")}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            select(0);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <div
        role="listbox"
        id="emoji-list"
        class="emoji-list"
        ref={list}
        aria-label={t("console.emoji.label")}
        tabIndex={-1}
      >
        {found}
      </div>
      <Tones tone={tone} choose={chooseTone} />
      {shown.length === 0 && (
        <p class="palette-none" role="status">
          {t(groups.length > 0 ? "extras.emoji.none" : "extras.emoji.loading")}
        </p>
      )}
    </Dialog>
  );
}

function Tones({ tone, choose }: { tone: Tone; choose: (tone: Tone) => void }) {
  const hands: [Tone, string][] = Object.entries(TONES).map(([one, code]) => [one as Tone, HAND + glyph(code)]);
  return (
    <fieldset class="emoji-tones" aria-label={t("extras.emoji.tones")}>
      {[["none", HAND] as [Tone, string], ...hands].map(([one, hand]) => (
        <button
          type="button"
          key={one}
          class="emoji"
          aria-pressed={one === tone}
          aria-label={t(`extras.emoji.tone.${one}`)}
          title={t(`extras.emoji.tone.${one}`)}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => choose(one)}
        >
          {hand}
        </button>
      ))}
    </fieldset>
  );
}

function glyph(code: string): string {
  return String.fromCodePoint(Number.parseInt(code, 16));
}

function optionId(groups: Group[], selected: number): string | undefined {
  let rest = selected;
  for (const group of groups) {
    const emoji = group.emoji[rest];
    if (emoji) return idOf(group, emoji);
    rest -= group.emoji.length;
  }
  return undefined;
}

function idOf(group: Group, emoji: Emoji): string {
  return `emoji-${group.key}-${emoji.hexcode}`;
}

function Section({ group, run }: { group: Group; run: (emoji: string) => void }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a group of options
    <div role="group" aria-label={group.name} class="emoji-group">
      <p aria-hidden="true">{group.name}</p>
      {group.emoji.map((emoji) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the focus and handles the keys
        <div
          key={emoji.hexcode}
          id={idOf(group, emoji)}
          role="option"
          class="emoji"
          aria-selected="false"
          aria-label={emoji.label}
          title={emoji.label}
          tabIndex={-1}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => run(emoji.unicode)}
        >
          {emoji.unicode}
        </div>
      ))}
    </div>
  );
}
