// The dialog that moves a conversation to an agent or a team, with a note to the colleagues.

import { t } from "@hummdesk/texts";
import { useState } from "preact/hooks";
import { Dialog } from "../components/dialog";
import { useStore } from "../state/context";
import { transfer } from "../state/moves";

const MAX_NOTE = 10_000;

export function Transfer({ close }: { close: () => void }) {
  const store = useStore();
  const { openId: conversationId, conversation } = store;
  const [target, setTarget] = useState("");
  const [note, setNote] = useState("");
  const [isBusy, setBusy] = useState(false);
  if (!conversationId || !conversation) return null;
  const agents = [...store.agents.values()]
    .filter((one) => one.agentId !== conversation.assignedTo)
    .sort((a, b) => a.name.localeCompare(b.name));
  const submit = async (event: Event) => {
    event.preventDefault();
    const [kind, id = ""] = target.split(":");
    const teamId = kind === "team" ? id : store.teamFor(conversationId, id)?.teamId;
    setBusy(true);
    const whom = { ...(kind === "agent" ? { agentId: id } : {}), ...(teamId ? { teamId } : {}) };
    if (await transfer(store, conversationId, whom, note.trim())) close();
    setBusy(false);
  };
  return (
    <Dialog label={t("extras.transfer.title")} close={close} class="transfer">
      <form onSubmit={(event) => void submit(event)}>
        <h2>{t("extras.transfer.title")}</h2>
        <label>
          {t("extras.transfer.target")}
          <select required value={target} onChange={(event) => setTarget(event.currentTarget.value)}>
            <option value="" disabled>
              {t("extras.transfer.choose")}
            </option>
            <optgroup label={t("extras.transfer.teams")}>
              {store.teams.map((team) => (
                <option key={team.teamId} value={`team:${team.teamId}`} disabled={team.agentIds.length === 0}>
                  {team.name}
                </option>
              ))}
            </optgroup>
            <optgroup label={t("extras.transfer.agents")}>
              {agents.map((agent) => (
                <option key={agent.agentId} value={`agent:${agent.agentId}`}>
                  {`${agent.name} · ${t(`common.presence.${agent.status}`)}`}
                </option>
              ))}
            </optgroup>
          </select>
        </label>
        <label>
          {t("extras.transfer.note")}
          <textarea
            rows={3}
            maxLength={MAX_NOTE}
            placeholder={t("console.composer.notePlaceholder")}
            value={note}
            onInput={(event) => setNote(event.currentTarget.value)}
          />
        </label>
        <div class="buttons">
          <button type="submit" class="primary" disabled={isBusy || target === ""}>
            {t("extras.transfer.submit")}
          </button>
          <button type="button" class="quiet" onClick={close}>
            {t("common.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
