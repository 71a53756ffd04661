// The teams of the account and their members.

import type { NewTeam, TeamUpdate, User } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { settingsPath } from "../settings-sections";
import { useStore } from "../state/context";
import { useRest } from "./context";
import { useEdited } from "./editing";
import { type FieldSpec, Form } from "./form";
import { all, useLoaded, usePages } from "./loading";
import { Action, Confirmed, NewLink, Page, Ready, RowLink, Rows, Tag } from "./parts";

export function Teams({ rest: [id] }: { rest: string[] }) {
  if (id === "new") return <NewTeamPage />;
  return id ? <OneTeam id={id} /> : <AllTeams />;
}

function AllTeams() {
  const pages = usePages("teams", (rest, page) => rest.listTeams(page));
  return (
    <Page
      title={t("console.settings.teams")}
      lead={t("settings.teams.lead")}
      actions={<NewLink section="teams">{t("settings.teams.create")}</NewLink>}
    >
      <Rows of={pages} none={t("settings.teams.none")}>
        {(team) => (
          <RowLink
            key={team.id}
            href={settingsPath("teams", team.id)}
            title={team.name}
            detail={t("settings.teams.members", { count: team.memberIds.length })}
          >
            {!team.active && <Tag kind="bad">{t("settings.disabled")}</Tag>}
          </RowLink>
        )}
      </Rows>
    </Page>
  );
}

function fields(users: User[]): FieldSpec[] {
  const choices = users.filter((user) => user.active).map((user) => ({ value: user.id, label: user.name }));
  return [
    { name: "name", label: "settings.name", isRequired: true, longest: 100 },
    { name: "memberIds", label: "settings.teams.who", kind: "many", choices },
    {
      name: "description",
      label: "settings.categories.description",
      hint: t("settings.teams.descriptionHint"),
      longest: 300,
    },
    {
      name: "examples",
      label: "settings.categories.examples",
      hint: t("settings.categories.examplesHint"),
      kind: "lines",
    },
  ];
}

function NewTeamPage() {
  const rest = useRest();
  const store = useStore();
  const users = useLoaded("users", (rest) => all(rest.allUsers()), { isLive: false });
  const create = async (values: NewTeam) => {
    const team = await rest.createTeam(values);
    void store.loadAgents();
    store.go(settingsPath("teams", team.id));
  };
  return (
    <Page title={t("settings.teams.create")} back={settingsPath("teams")}>
      <Ready of={users}>
        {(users) => (
          <Form
            fields={fields(users)}
            initial={{ name: "", memberIds: [], description: "", examples: [] } as NewTeam}
            submit={t("settings.teams.create")}
            save={create}
          />
        )}
      </Ready>
    </Page>
  );
}

function OneTeam({ id }: { id: string }) {
  const store = useStore();
  const edited = useEdited(`team ${id}`, (rest) => rest.getTeam(id));
  const users = useLoaded("users", (rest) => all(rest.allUsers()), { isLive: false });
  const save = async (changes: TeamUpdate, overwrite = false) => {
    await edited.save((rest, options) => rest.updateTeam(id, changes, options), overwrite);
    void store.loadAgents();
  };
  return (
    <Page
      title={edited.value?.name ?? t("settings.teams.one")}
      back={settingsPath("teams")}
      actions={edited.value?.active === false && <Tag kind="bad">{t("settings.disabled")}</Tag>}
    >
      <Ready of={users}>
        {(users) => (
          <Ready of={edited}>
            {({ name, memberIds, description, examples, active }) => (
              <Form
                key={edited.key}
                fields={fields(users)}
                initial={{ name, memberIds, description, examples } as TeamUpdate}
                submit={t("settings.save")}
                reload={edited.reload}
                save={save}
              >
                {active ? (
                  <Confirmed
                    label={t("settings.disable")}
                    question={t("settings.teams.disableQuestion")}
                    act={() => save({ active: false })}
                  />
                ) : (
                  <Action act={() => save({ active: true })}>{t("settings.enable")}</Action>
                )}
              </Form>
            )}
          </Ready>
        )}
      </Ready>
    </Page>
  );
}
