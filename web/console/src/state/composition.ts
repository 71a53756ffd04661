// The unsent text and attachments of a conversation. They are kept while another conversation is open.

import type { Attachment } from "../types";

export interface Composition {
  text: string;
  isNote: boolean;
  attachments: Attachment[];
  // Sequence number that the AI draft was based on, if the text began as one.
  basedOnSeq?: number;
  // The last message that was shown when the user typed.
  seenSeq?: number;
}

export const EMPTY: Composition = { text: "", isNote: false, attachments: [] };
