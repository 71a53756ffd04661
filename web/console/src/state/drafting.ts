// What the AI is doing in one conversation: the draft that is generated, and the summary.

import type { AIDraftDelta, AIError, AIResults, AIRun, AIRunEnd, AISummary, Streaming } from "@hummdesk/client";

export class Drafting {
  streaming: Streaming | undefined;
  summary: AISummary | undefined;
  isDrafting = false;
  isSummarizing = false;
  draftFault: "noDraft" | "draftFailed" | undefined;

  refresh(ai: AIResults | undefined): void {
    this.summary = ai?.summary;
    this.streaming = ai?.streaming?.runId === ai?.draft?.runId ? undefined : ai?.streaming;
    this.isDrafting = this.streaming !== undefined;
    this.isSummarizing = false;
  }

  // Append a chunk; chunks after a missed one are left out, since the whole draft follows.
  grow({ runId, attempt, index, chunk }: AIDraftDelta): void {
    const begun = this.streaming?.runId === runId && this.streaming.attempt === attempt ? this.streaming : undefined;
    if (index !== (begun?.index ?? 0)) return;
    this.streaming = { runId, attempt, index: index + 1, text: (begun?.text ?? "") + chunk };
  }

  begin(run: AIRun): void {
    if (run.processingType === "draft") {
      this.isDrafting = true;
      this.draftFault = undefined;
    }
    if (run.processingType === "summary") this.isSummarizing = true;
  }

  end(run: AIRunEnd | AIError): void {
    if (run.processingType === "summary") this.isSummarizing = false;
    if (run.processingType !== "draft") return;
    this.isDrafting = false;
    if (this.streaming?.runId === run.runId) this.streaming = undefined;
    if ("error" in run) this.draftFault = "draftFailed";
    else if (run.outcome === "abstained") this.draftFault = "noDraft";
  }
}
