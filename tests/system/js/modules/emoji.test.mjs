// Emoji: groups, search, keys, and those that were used last.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { beside, grouped, matching, RecentEmoji, storeTone, toned, toneOf } = await load("console/src/emoji/emoji.ts");

const emoji = (unicode, label, group, order, tags = []) => ({ unicode, hexcode: unicode, label, group, order, tags });
const ALL = [
  emoji("👍", "thumbs up", 1, 30, ["yes", "ok hand"]),
  emoji("🙂", "slightly smiling face", 0, 2),
  emoji("😀", "grinning face", 0, 1, ["happy smile"]),
  emoji("🏻", "light skin tone", 2, 3),
  { unicode: "🇩", hexcode: "d", label: "regional indicator D" },
];
const NAMES = {
  groups: [
    { key: "smileys-emotion", message: "Smileys", order: 0 },
    { key: "people-body", message: "People", order: 1 },
    { key: "component", message: "Parts", order: 2 },
  ],
};
const GROUPS = grouped(ALL, NAMES);
const shown = (groups) => groups.map(({ name, emoji }) => [name, emoji.map((one) => one.unicode).join("")]);

test("emoji are grouped in their order, without parts of others", () => {
  assert.deepEqual(shown(GROUPS), [
    ["Smileys", "😀🙂"],
    ["People", "👍"],
  ]);
});

test("search finds beginnings of words of names and tags", () => {
  assert.deepEqual(shown(matching(GROUPS, "THU up")), [["People", "👍"]]);
  assert.deepEqual(shown(matching(GROUPS, "hand")), [["People", "👍"]]);
  assert.deepEqual(shown(matching(GROUPS, "umbs")), []);
});

test("search shows emoji that are named so before others", () => {
  assert.deepEqual(shown(matching(GROUPS, "s")), [["Smileys", "🙂😀"]]);
});

test("emoji that were used last come first, each once, of this agent only", () => {
  const stored = new Map();
  const storage = { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value) };
  const recent = new RecentEmoji(storage, "zoe");
  assert.deepEqual(recent.before(GROUPS, "Recent"), GROUPS);
  for (const one of ["👍", "🙂", "👍", "unknown"]) recent.add(one);
  assert.deepEqual(shown(recent.before(GROUPS, "Recent"))[0], ["Recent", "👍🙂"]);
  assert.deepEqual(new RecentEmoji(storage, "max").before(GROUPS, "Recent"), GROUPS);
  storage.setItem("hummdesk.emoji.zoe", "{broken");
  assert.deepEqual(recent.before(GROUPS, "Recent"), GROUPS);
});

test("emoji are shown in the chosen skin tone, and those used last as they were", () => {
  const skin = (unicode, tones) => ({ unicode, hexcode: `1F44D-${tones}`, label: unicode, group: 1 });
  const hand = { ...ALL[0], skins: [skin("👍🏻🏿", "1F3FB-1F3FF"), skin("👍🏻", "1F3FB"), skin("👍🏿", "1F3FF")] };
  const groups = grouped([hand, ...ALL.slice(1)], NAMES);
  const stored = new Map();
  const storage = { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value) };
  assert.equal(toneOf(storage, "zoe"), "none");
  storeTone(storage, "zoe", "dark");
  assert.equal(toneOf(storage, "zoe"), "dark");
  assert.equal(toneOf(storage, "max"), "none");
  const recent = new RecentEmoji(storage, "zoe");
  recent.add("👍🏻");
  assert.deepEqual(shown(toned(recent.before(groups, "Recent"), "dark")), [
    ["Recent", "👍🏻"],
    ["Smileys", "😀🙂"],
    ["People", "👍🏿"],
  ]);
  assert.equal(toned(groups, "none"), groups);
});

test("arrow keys move to the nearest emoji of the next row, also from a short one", () => {
  const rows = [[0, 40, 80], [0, 40, 80], [0], [0, 40]];
  const options = rows.flatMap((row, n) => row.map((offsetLeft) => ({ offsetTop: n * 40, offsetLeft })));
  assert.equal(beside(options, 2, 1), 5);
  assert.equal(beside(options, 5, 1), 6);
  assert.equal(beside(options, 6, 1), 7);
  assert.equal(beside(options, 8, -1), 6);
  assert.equal(beside(options, 1, -1), 1);
  assert.equal(beside(options, 8, 1), 8);
  assert.equal(beside([], 0, 1), 0);
});
