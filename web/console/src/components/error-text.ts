import { language, t } from "@hummdesk/texts";

// An error of the server as display text. The server explains it in English, more precisely than its code alone.
export function explain({ code, message }: { code: string; message: string }): string {
  return language === "en" ? message : t("common.error", { code });
}
