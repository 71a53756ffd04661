// Loads what an agent needs now and then.

import { lazily } from "./lazy";

const loaded = () => import("./extras/main");

export const AttachLinkForm = lazily(async () => (await loaded()).AttachLinkForm);
export const Help = lazily(async () => (await loaded()).Help);
export const MessageEditor = lazily(async () => (await loaded()).MessageEditor);
export const NotificationSettings = lazily(async () => (await loaded()).NotificationSettings);
export const Refused = lazily(async () => (await loaded()).Refused);
export const SearchProblem = lazily(async () => (await loaded()).SearchProblem);
export const Transfer = lazily(async () => (await loaded()).Transfer);
export const Why = lazily(async () => (await loaded()).Why);
export const Withdrawal = lazily(async () => (await loaded()).Withdrawal);
