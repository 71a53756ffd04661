// What is wrong with the text of a search.

import { serverText } from "./server-text";

export function SearchProblem({ sentence }: { sentence: string }) {
  return <>{serverText(sentence)}</>;
}
