// The users of the account: invite, change, disable.

import type { ManagedTeam, NewUser, User, UserUpdate } from "@hummdesk/client/rest";
import { languageName, t } from "@hummdesk/texts";
import { useState } from "preact/hooks";
import { categoryName, keysOf } from "../categories";
import { Avatar } from "../components/avatar";
import { PageLink } from "../components/page-link";
import { fullTime } from "../format";
import { PhotoForm } from "../photo/photo";
import { settingsPath } from "../settings-sections";
import { useStore } from "../state/context";
import type { Store } from "../state/store";
import { useRest } from "./context";
import { useEdited } from "./editing";
import { type Choice, type FieldSpec, Form } from "./form";
import { all, useLoaded, usePages } from "./loading";
import { Action, Confirmed, NewLink, Page, Ready, RowLink, Rows, Secret, Tag } from "./parts";

const ROLES = ["agent", "viewer", "admin"] as const;
const LANGUAGE_SKILLS = ["en", "de", "fr", "es", "it", "nl", "pt", "pl"];

export function People({ rest: [id] }: { rest: string[] }) {
  if (id === "new") return <Invitation />;
  return id ? <Person id={id} /> : <Everybody />;
}

function Everybody() {
  const store = useStore();
  const pages = usePages("users", (rest, page) => rest.listUsers(page));
  const teams = useLoaded("teams", (rest) => all(rest.allTeams()));
  const teamsOf = (user: User) => (teams.value ?? []).filter((team) => user.teamIds.includes(team.id));
  return (
    <Page
      title={t("console.settings.people")}
      lead={t("settings.people.lead")}
      actions={<NewLink section="people">{t("settings.people.invite")}</NewLink>}
    >
      <Rows of={pages} none={t("settings.people.none")}>
        {(user) => (
          <RowLink
            key={user.id}
            href={settingsPath("people", user.id)}
            title={user.name}
            detail={[user.email, ...teamsOf(user).map((team) => team.name)].join(" · ")}
            mark={<Avatar name={user.name} photo={store.agents.get(user.id)?.photo} />}
          >
            {!user.active && <Tag kind="bad">{t("settings.disabled")}</Tag>}
            <Tag>{t(`common.role.${user.role}`)}</Tag>
          </RowLink>
        )}
      </Rows>
    </Page>
  );
}

function fields(store: Store, teams: ManagedTeam[], own: string[], role?: User["role"]): FieldSpec[] {
  const specs: FieldSpec[] = [
    { name: "name", label: "settings.name", isRequired: true, longest: 100 },
    { name: "email", label: "settings.people.email", kind: "email", isRequired: true, longest: 320 },
    {
      name: "role",
      label: "settings.people.role",
      kind: "one",
      choices: ROLES.map((role) => ({ value: role, label: t(`settings.people.roles.${role}`) })),
    },
    { name: "teamIds", label: "console.settings.teams", kind: "many", choices: teams.map(choiceOf) },
    {
      name: "skills",
      label: "settings.people.skills",
      hint: t("settings.people.skillsHint"),
      kind: "many",
      choices: skillChoices(store, own),
    },
    {
      name: "capacity",
      label: "settings.routing.capacity",
      hint: t("settings.people.capacityHint"),
      kind: "number",
    },
  ];
  return specs.filter(({ name }) => name !== "capacity" || role !== "viewer");
}

// The capacity is a text in the form. Empty: that of the queue.
type Invited = Omit<NewUser, "capacity"> & { capacity?: string };
type Changed = Omit<UserUpdate, "capacity"> & { capacity?: string };

function parsed<T extends { capacity?: string }>({ capacity, ...others }: T) {
  return { ...others, ...(capacity === undefined ? {} : { capacity: capacity === "" ? null : Number(capacity) }) };
}

function choiceOf({ id, name }: ManagedTeam): Choice {
  return { value: id, label: name };
}

function skillChoices(store: Store, own: string[]): Choice[] {
  const known: Choice[] = [
    ...keysOf(store.categories).map((key) => ({ value: key, label: categoryName(store.categories, key) })),
    ...LANGUAGE_SKILLS.map((code) => ({ value: code, label: languageName(code) })),
  ];
  const others = own.filter((skill) => !known.some((choice) => choice.value === skill));
  return [...known, ...others.map((skill) => ({ value: skill, label: categoryName(store.categories, skill) }))];
}

function Invitation() {
  const rest = useRest();
  const store = useStore();
  const teams = useLoaded("teams", (rest) => all(rest.allTeams()), { isLive: false });
  const [made, setMade] = useState<User | null>(null);
  const [link, setLink] = useState<string | null>(null);
  const invite = async (values: Invited) => {
    const user = await rest.createUser(parsed(values));
    setMade(user);
    void store.loadAgents();
    setLink((await rest.createSignInLink(user.id)).signInUrl);
  };
  return (
    <Page title={t("settings.people.invite")} back={settingsPath("people")} lead={t("settings.people.inviteLead")}>
      {made && (
        <>
          {link && (
            <Secret
              label={t("settings.people.link", { name: made.name })}
              text={link}
              hint={t("settings.people.linkHint")}
            />
          )}
          <PageLink href={settingsPath("people", made.id)}>{made.name}</PageLink>
        </>
      )}
      <Ready of={teams}>
        {(teams) => (
          <Form
            key={made?.id ?? ""}
            fields={fields(
              store,
              teams.filter((team) => team.active),
              [],
            )}
            initial={{ name: "", email: "", role: "agent", teamIds: [], skills: [], capacity: "" } as Invited}
            submit={t("settings.people.invite")}
            save={invite}
          />
        )}
      </Ready>
    </Page>
  );
}

function Person({ id }: { id: string }) {
  const rest = useRest();
  const store = useStore();
  const edited = useEdited(`user ${id}`, (rest) => rest.getUser(id));
  const teams = useLoaded("teams", (rest) => all(rest.allTeams()), { isLive: false });
  const [link, setLink] = useState<string | null>(null);
  const save = async (changes: Changed, overwrite = false) => {
    const parts = parsed(changes);
    await edited.save((rest, options) => rest.updateUser(id, parts, options), overwrite);
    void store.loadAgents();
  };
  const user = edited.value;
  const createLink = async () => setLink((await rest.createSignInLink(id)).signInUrl);
  return (
    <Page
      title={user?.name ?? t("settings.people.one")}
      back={settingsPath("people")}
      actions={user && !user.active && <Tag kind="bad">{t("settings.disabled")}</Tag>}
    >
      {link && user && (
        <Secret
          label={t("settings.people.link", { name: user.name })}
          text={link}
          hint={t("settings.people.linkHint")}
        />
      )}
      <Ready of={teams}>
        {(teams) => (
          <Ready of={edited}>
            {({ name, email, role, teamIds, skills, capacity, active, lastSeenAt }) => (
              <>
                {lastSeenAt && (
                  <p class="settings-lead">{t("console.details.lastSeen", { when: fullTime(lastSeenAt) })}</p>
                )}
                {active && role !== "viewer" && <PhotoForm userId={id} name={name} />}
                <Form
                  key={edited.key}
                  fields={fields(
                    store,
                    teams.filter((team) => team.active || teamIds.includes(team.id)),
                    skills,
                    role,
                  )}
                  initial={{ name, email, role, teamIds, skills, capacity: String(capacity ?? "") } as Changed}
                  submit={t("settings.save")}
                  reload={edited.reload}
                  save={save}
                >
                  {active ? (
                    <>
                      <Action act={createLink}>{t("settings.people.newLink")}</Action>
                      {id !== store.me?.userId && (
                        <Confirmed
                          label={t("settings.disable")}
                          question={t("settings.people.disableQuestion")}
                          act={() => save({ active: false })}
                        />
                      )}
                    </>
                  ) : (
                    <Action act={() => save({ active: true })}>{t("settings.enable")}</Action>
                  )}
                </Form>
              </>
            )}
          </Ready>
        )}
      </Ready>
    </Page>
  );
}
