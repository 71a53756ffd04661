// The categories of messages that the AI knows.

import type { Category } from "./types";

export const CATEGORIES: Category[] = [
  "account_access",
  "billing",
  "refund_cancellation",
  "order_shipping",
  "technical",
  "sales",
  "complaint_feedback",
  "fraud_security",
  "appointments",
  "privacy_legal",
  "how_to",
  "general",
];
