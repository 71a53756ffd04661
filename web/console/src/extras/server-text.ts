// Why the server refuses a value or a change, in the language of the page. It says so in English, in known sentences.

import { type Key, language, t } from "@hummdesk/texts";

const SENTENCES: [RegExp, Key][] = [
  [/^The filter `(?<filter>\w+):?` needs a value, without a space before it\.$/, "extras.server.search.space"],
  [/^The filter `(?<filter>\w+):` needs a value\.$/, "extras.server.search.value"],
  [/^The filter `(?<filter>\w+):` can be given once\.$/, "extras.server.search.once"],
  [/^The filter `from:` needs at least (?<least>\d+) letters or digits in a row\.$/, "extras.server.search.letters"],
  [
    /^There is no filter `(?<filter>[^`]+):`; use (?<known>.+), or quote the text: (?<quoted>.+)\.$/,
    "extras.server.search.filter",
  ],
  [/^`is:` takes (?<known>.+), not `(?<value>.*)`\.$/, "extras.server.search.is"],
  [/^`(?<filter>\w+):` takes a date like `2026-01-31`, not `(?<value>.*)`\.$/, "extras.server.search.date"],
  [/^`(?<filter>\w+):` takes a date from 1970 on\.$/, "extras.server.search.year"],
  [/^There is no label `(?<label>.+)`\.$/, "extras.server.search.label"],
  [/^Must have (?<least>\d+) to (?<most>\d+) characters\.$/, "extras.server.characters"],
  [/^Must be a whole number from (?<least>-?\d+) to (?<most>\d+)\.$/, "extras.server.wholeNumber"],
  [/^Must be a number from 0 to (?<most>[\d.e+]+)\.$/, "extras.server.number"],
  [/^Must have at most (?<most>\d+) (?:items|entries|tags)\.$/, "extras.server.mostItems"],
  [/^Must have at least (?<least>\d+) items\.$/, "extras.server.leastItems"],
  [/^Must have (?<least>\d+) to (?<most>\d+) entries\.$/, "extras.server.entries"],
  [
    /^(?:Missing data for required field|Field may not be null|Give a text|Give at least one field)\.$/,
    "extras.server.required",
  ],
  [/^Must be an http or https URL(?: of at most (?:\d+) bytes)?\.$/, "extras.server.address"],
  [/^Must be one of: (?<values>.+)\.$/, "extras.server.oneOf"],
  [/^Must be an e-mail address of at most (?<most>\d+) characters\.$/, "extras.server.email"],
  [/^Must be a color like `#0b5f59` of at most \d+ characters\.$/, "extras.server.color"],
  [/^Must be a language like `de` of at most \d+ characters\.$/, "extras.server.language"],
  [/^Must be a message category, or a language like `de`, of at most \d+ characters\.$/, "extras.server.skill"],
  [
    /^Must be a country like (?:`DE` of at most \d+ characters|DE whose holidays are known)\.$/,
    "extras.server.country",
  ],
  [/^Must be a path like `\/boots` of at most (?<most>\d+) characters\.$/, "extras.server.path"],
  [/^Must be a time like (?:09:30|17:30, up to 24:00,) of at most \d+ characters\.$/, "extras.server.time"],
  [/^Must be an origin like https:\/\/shop\.example, or `self`, of at most \d+ characters\.$/, "extras.server.origin"],
  [
    /^Must be (?:3 or more lower-case letters, digits and `_`,|the key of a category) of at most (?<most>\d+) characters\.$/,
    "extras.server.key",
  ],
  [/^Must be letters, digits and `\._~-` of at most (?<most>\d+) characters\.$/, "extras.server.name"],
  [/^Must be the id of a simulation of at most \d+ characters\.$/, "extras.server.simulation"],
  [/^Must not contain (?:the character NUL|half of a surrogate pair)\.$/, "extras.server.nul"],
  [/^Must have at least (?<least>\d+) items while they are enabled\.$/, "extras.server.leastCategories"],
  [/^Must not contain `(?<name>\w+)`, which is always there\.$/, "extras.server.general"],
  [/^Must have different (?:keys and names|categories): (?<value>.+) is repeated\.$/, "extras.server.repeated"],
  [/^Must have at most (?<most>\d+) examples together\.$/, "extras.server.examples"],
  [/^Must contain openid\.$/, "extras.server.openid"],
  [/^Must be domains like acme\.example\.$/, "extras.server.domains"],
  [/^Must be a date like 2026-12-24\.$/, "extras.server.date"],
  [/^Must not overlap: (?<values>.+)\.$/, "extras.server.overlap"],
  [/^(?:Must be a time zone like Europe\/Berlin|Not a time zone)\.$/, "extras.server.timeZone"],
  [/^Needs a country\.$/, "extras.server.needsCountry"],
  [/^Must be one of (?<values>.+)\.$/, "extras.server.region"],
  [/^Must be left out, since this country has none\.$/, "extras.server.noRegion"],
  [
    /^Must be (?:later than `from`(?:, by at most \d+ days)?|at most (?:\d+) days after `from`)\.$/,
    "extras.server.later",
  ],
  [/^The server has no API key for this provider\.$/, "extras.server.noKey"],
  [
    /^Must be of a simulation that is done, with at least (?<least>\d+) drafts above the confidence\.$/,
    "extras.server.drafts",
  ],
  [/^.+ is not an address like https:\/\/id\.example\/path$/, "extras.server.noAddress"],
  [/^(?:an address has no user, password or fragment|Must have no query\.)$/, "extras.server.plainAddress"],
  [/^(?<host>\S+) has the internal address (?<ip>\S+); .+$/, "extras.server.internal"],
  [/^(?<host>\S+) has the address \S+, to which only https:\/\/ is allowed$/, "extras.server.https"],
  [/^Must be given with another issuer or client\.$/, "extras.server.secret"],
  [/^(?:There is no|No (?:team|user|active label) has the id) .+\.$/, "extras.server.unknown"],
  [/^Give only one of mine, unassigned and assignedTo\.$/, "extras.server.oneAssignee"],
  [/^A search is sorted by activity\.$/, "extras.server.searchOrder"],
  [
    /^(?:Give publicKey or jwksUrl, not both|Goes with jwksUrl: a public key determines it)\.$/,
    "extras.server.publicKey",
  ],
  [
    /^(?:A|An|Another) (?:active )?(?:user|team|label|key|account) has this (?:name|e-mail address)$/,
    "extras.server.taken",
  ],
  [/^Another account has the sign-in name (?<name>.+)$/, "extras.server.signInName"],
  [/^The account has or had a key of this kid: choose another one$/, "extras.server.kid"],
  [/^The server stores no secrets, as ENCRYPTION_KEYS is not set(?:: add a public key)?$/, "extras.server.noSecrets"],
  [/^You cannot disable yourself: ask another admin$/, "extras.server.yourself"],
  [/^This is the only admin of the account: make another user an admin first$/, "extras.server.onlyAdmin"],
  [
    /^(?:The account has|There are) (?<most>\d+) (?:enabled webhooks, which is the maximum|labels; rename one that is not needed|views already; remove one that is not needed)$/,
    "extras.server.most",
  ],
  [/^The provider still answers a batch of this simulation; cancel it, and delete it later$/, "extras.server.batch"],
];

export function serverText(sentence: string): string {
  if (language === "en") return sentence;
  for (const [pattern, key] of SENTENCES) {
    const match = pattern.exec(sentence);
    if (match) return (t as (key: Key, values?: Record<string, string>) => string)(key, match.groups);
  }
  return t("extras.server.other", { sentence });
}
