import type { ErrorReport } from "@hummdesk/client";
import type { StoredFile, UploadOptions } from "@hummdesk/client/files";
import { waitUntilReady } from "@hummdesk/client/files";
import { DetailedError, Upload } from "tus-js-client";

const RETRY_DELAYS_MS = [0, 1000, 3000, 5000, 10_000, 20_000];

/**
 * Upload a file by the tus protocol, and wait until it can be sent. What was cut is continued.
 *
 * @throws `{error: ErrorReport}` as {@link waitUntilReady} does, and an AbortError when it was cancelled.
 */
export function upload(file: File, options: UploadOptions): Promise<StoredFile> {
  const { server, token, conversationId, signal, onProgress } = options;
  return new Promise((resolve, reject) => {
    let isSent = false;
    const transfer = new Upload(file, {
      endpoint: `${server}/files`,
      retryDelays: RETRY_DELAYS_MS,
      metadata: { filename: file.name, conversationId },
      storeFingerprintForResuming: false,
      onBeforeRequest: async (request) => request.setHeader("Authorization", `Bearer ${await token()}`),
      onProgress: (sent, total) => onProgress?.(sent / total),
      onError: (failure) => reject(refusalOf(failure)),
      onSuccess: () => {
        isSent = true;
        waitUntilReady(new URL(transfer.url ?? "", server).pathname, options).then(resolve, reject);
      },
    });
    signal.addEventListener("abort", () => {
      reject(signal.reason);
      if (!isSent) void transfer.abort(true).catch(() => undefined);
    });
    transfer.start();
  });
}

function refusalOf(failure: Error): { error: ErrorReport } {
  const body = failure instanceof DetailedError ? failure.originalResponse?.getBody() : undefined;
  try {
    const { code, detail } = JSON.parse(body ?? "");
    return { error: { code, message: detail, timestamp: "" } };
  } catch {
    return { error: { code: "UNAVAILABLE", message: "The server does not answer", timestamp: "" } };
  }
}
