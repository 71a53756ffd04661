import type { StoredFile, UploadOptions, UploadProblem } from "@hummdesk/client/files";
import { waitUntilReady } from "@hummdesk/client/files";
import { DetailedError, Upload } from "tus-js-client";
import { prepare, translated } from "./problems";

const RETRY_DELAYS_MS = [0, 1000, 3000, 5000, 10_000, 20_000];
// As the server allows. It receives the name in a header: one of thousands of characters makes the request fail.
const LONGEST_NAME = 255;
const TEXTS_MS = 3000;

/**
 * Upload a file by the tus protocol, and wait until it can be sent. What was cut is continued.
 *
 * @throws an {@link UploadProblem}, and an AbortError when it was cancelled.
 */
export async function upload(file: File, options: UploadOptions): Promise<StoredFile> {
  const { language = "en", server, onWait } = options;
  const prepared = prepare(language, server).catch(() => undefined);
  try {
    if ([...file.name].length > LONGEST_NAME) throw longName();
    return await transfer(file, { ...options, onWait: (reason) => onWait?.(translated(reason) ?? reason) });
  } catch (failure) {
    const { error } = failure as Partial<UploadProblem>;
    if (!error) throw failure;
    await Promise.race([prepared, new Promise((resolve) => setTimeout(resolve, TEXTS_MS))]);
    throw { error, text: translated(error.message) };
  }
}

function longName(): UploadProblem {
  const message = `The name of the file has more than ${LONGEST_NAME} characters: shorten it`;
  return { error: { code: "VALIDATION_ERROR", message, timestamp: "" } };
}

function transfer(file: File, options: UploadOptions): Promise<StoredFile> {
  const { server, token, conversationId, signal, onProgress } = options;
  return new Promise((resolve, reject) => {
    let isSent = false;
    const sending = new Upload(file, {
      endpoint: `${server}/files`,
      retryDelays: RETRY_DELAYS_MS,
      metadata: { filename: file.name, conversationId },
      storeFingerprintForResuming: false,
      onBeforeRequest: async (request) => request.setHeader("Authorization", `Bearer ${await token()}`),
      onProgress: (sent, total) => onProgress?.(sent / total),
      onError: (failure) => reject(refusalOf(failure)),
      onSuccess: () => {
        isSent = true;
        waitUntilReady(new URL(sending.url ?? "", server).pathname, options).then(resolve, reject);
      },
    });
    signal.addEventListener("abort", () => {
      reject(signal.reason);
      if (!isSent) void sending.abort(true).catch(() => undefined);
    });
    sending.start();
  });
}

function refusalOf(failure: Error): UploadProblem {
  const body = failure instanceof DetailedError ? failure.originalResponse?.getBody() : undefined;
  try {
    const { code, detail } = JSON.parse(body ?? "");
    return { error: { code, message: detail, timestamp: "" } };
  } catch {
    return { error: { code: "UNAVAILABLE", message: "The server does not answer", timestamp: "" } };
  }
}
