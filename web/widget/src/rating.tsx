import { t } from "@hummdesk/texts";
import { useState } from "preact/hooks";
import type { Chat } from "./chat.js";

const STARS = [1, 2, 3, 4, 5];

/** Asks for a rating of the closed conversation by one click, and then for a comment. */
export function Rating({ chat }: { chat: Chat }) {
  const [comment, setComment] = useState("");
  const [isSent, setSent] = useState(false);
  const { rating } = chat;
  const send = async (event: Event) => {
    event.preventDefault();
    if (rating !== undefined && comment.trim() !== "") setSent(await chat.rate(rating, comment.trim()));
  };
  return (
    <section class="rating" aria-label={t("widget.rating.title")}>
      <p role="status">
        {t(isSent ? "widget.rating.sent" : rating === undefined ? "widget.rating.ask" : "widget.rating.thanks")}
      </p>
      <div class="stars">
        {STARS.map((star) => (
          <button
            type="button"
            key={star}
            class={star <= (rating ?? 0) ? "star chosen" : "star"}
            aria-pressed={star === rating}
            aria-label={t("widget.rating.stars", { stars: star })}
            onClick={() => void chat.rate(star, comment.trim())}
          >
            <span aria-hidden="true">★</span>
          </button>
        ))}
      </div>
      {rating !== undefined && !isSent && (
        <form onSubmit={send}>
          <textarea
            rows={1}
            dir="auto"
            maxLength={1000}
            aria-label={t("widget.rating.comment")}
            placeholder={t("widget.rating.comment")}
            value={comment}
            onInput={(event) => setComment(event.currentTarget.value)}
          />
          <button type="submit">{t("widget.rating.send")}</button>
        </form>
      )}
    </section>
  );
}
