// How waiting conversations are assigned: of the account, and of each team.

import type { RoutingUpdate, Routing as Settings, TeamRoutingUpdate } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { settingsPath } from "../settings-sections";
import { useEdited } from "./editing";
import { type FieldSpec, Form } from "./form";
import { all, useLoaded } from "./loading";
import { Page, Ready, RowLink } from "./parts";

const MODES = ["off", "round_robin", "least_loaded"] as const;
const NUMBERS = ["capacity", "skillsWaitSeconds", "answerSeconds", "offlineSeconds"] as const;

// Numbers as text; of a team, an empty value is that of the account.
type Values = Record<"mode" | (typeof NUMBERS)[number], string>;
type TeamValues = Pick<Values, "mode" | "capacity">;

export function Routing({ rest: [teamId] }: { rest: string[] }) {
  return teamId ? <OfTeam id={teamId} /> : <OfAccount />;
}

function OfAccount() {
  const edited = useEdited("routing", (rest) => rest.getRouting());
  const teams = useLoaded("teams", (rest) => all(rest.allTeams()));
  const changes = (values: Values): RoutingUpdate =>
    ({
      mode: values.mode,
      ...Object.fromEntries(NUMBERS.map((name) => [name, parsed(values[name])])),
    }) as RoutingUpdate;
  return (
    <Page title={t("console.settings.routing")} lead={t("settings.routing.lead")}>
      <Ready of={edited}>
        {(settings) => (
          <Form
            key={edited.key}
            fields={[
              modeField(),
              ...NUMBERS.map(
                (name): FieldSpec => ({
                  name,
                  label: () => t(`settings.routing.${name}`),
                  hint: t(`settings.routing.${name}Hint`),
                  kind: "number",
                  isRequired: true,
                }),
              ),
            ]}
            initial={valuesOf(settings)}
            submit={t("settings.save")}
            reload={edited.reload}
            save={(values: Values, overwrite) =>
              edited.save((rest, options) => rest.updateRouting(changes(values), options), overwrite)
            }
          />
        )}
      </Ready>
      <h2>{t("console.settings.teams")}</h2>
      <Ready of={teams}>
        {(teams) => (
          <ul class="plain rows">
            {teams.map((team) => (
              <RowLink
                key={team.id}
                href={settingsPath("routing", team.id)}
                title={team.name}
                detail={ofTeam(edited.value, team.id)}
              />
            ))}
          </ul>
        )}
      </Ready>
    </Page>
  );
}

function OfTeam({ id }: { id: string }) {
  const edited = useEdited("routing", (rest) => rest.getRouting());
  const team = useLoaded(`team ${id}`, (rest) => rest.getTeam(id), { isLive: false });
  const changes = ({ mode, capacity }: TeamValues): TeamRoutingUpdate =>
    ({ mode: mode || null, capacity: parsed(capacity) }) as TeamRoutingUpdate;
  return (
    <Page title={team.value?.name ?? t("settings.teams.one")} back={settingsPath("routing")}>
      <Ready of={edited}>
        {(settings) => {
          const own = settings.teams.find((one) => one.teamId === id);
          const initial: TeamValues = { mode: own?.mode ?? "", capacity: String(own?.capacity ?? "") };
          return (
            <Form
              key={edited.key}
              fields={[
                modeField(t("settings.routing.asAccount")),
                {
                  name: "capacity",
                  label: "settings.routing.capacity",
                  hint: t("settings.routing.emptyAsAccount"),
                  kind: "number",
                },
              ]}
              initial={initial}
              submit={t("settings.save")}
              reload={edited.reload}
              save={(values: TeamValues, overwrite) =>
                edited.save((rest, options) => rest.updateTeamRouting(id, changes(values), options), overwrite)
              }
            />
          );
        }}
      </Ready>
    </Page>
  );
}

function modeField(other?: string): FieldSpec {
  const choices = MODES.map((value) => ({ value: value as string, label: t(`settings.routing.modes.${value}`) }));
  return {
    name: "mode",
    label: "settings.routing.mode",
    kind: "one",
    choices: other ? [{ value: "", label: other }, ...choices] : choices,
  };
}

// The account must have a number: the server refuses null for it.
function parsed(text: string): number | null {
  return text === "" ? null : Number(text);
}

function valuesOf(settings: Settings): Values {
  const numbers = Object.fromEntries(NUMBERS.map((name) => [name, String(settings[name])]));
  return { mode: settings.mode, ...numbers } as Values;
}

function ofTeam(settings: Settings | null, id: string): string {
  const mode = settings?.teams.find((one) => one.teamId === id)?.mode;
  return mode ? t(`settings.routing.modes.${mode}`) : t("settings.routing.asAccount");
}
