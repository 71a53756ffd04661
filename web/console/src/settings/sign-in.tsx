// How staff sign in: the identity provider of the company, and the browsers in which people are signed in.

import { etagOf, type NewOidcProvider, type OidcProvider, ProblemError, type Session } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { fullTime } from "../format";
import { useRest } from "./context";
import { useEdited } from "./editing";
import { type FieldSpec, Form } from "./form";
import { all, useLoaded, usePages } from "./loading";
import { Confirmed, Copyable, Page, Ready, Rows, Tag } from "./parts";

const ROLES = ["viewer", "agent", "admin"] as const;

export function SignIn() {
  return (
    <Page title={t("console.settings.sign-in")} lead={t("settings.signIn.lead")}>
      <h2>{t("settings.signIn.provider")}</h2>
      <Provider />
      <h2>{t("settings.signIn.sessions")}</h2>
      <Sessions />
    </Page>
  );
}

// The fields of the form; groups are lines like `support = agent`.
interface Values {
  issuer: string;
  clientId: string;
  clientSecret: string;
  emailDomains: string[];
  groups: string[];
  createsUsers: boolean;
  defaultRole: NewOidcProvider["defaultRole"] & string;
}

const EMPTY: Values = {
  issuer: "",
  clientId: "",
  clientSecret: "",
  emailDomains: [],
  groups: [],
  createsUsers: false,
  defaultRole: "agent",
};

function Provider() {
  const rest = useRest();
  const edited = useEdited<{ provider: OidcProvider | null }>("oidc", async (rest) => ({
    provider: await rest.getOidc().catch(absent),
  }));
  const store = (values: Values, provider: OidcProvider | null, overwrite: boolean) =>
    edited.save(async (rest) => {
      const ifMatch = provider && !overwrite ? etagOf(provider) : undefined;
      return { provider: await rest.putOidc(bodyOf(values, provider), { ifMatch }) };
    });
  const remove = async () => {
    await rest.removeOidc();
    await edited.reload();
  };
  return (
    <Ready of={edited}>
      {({ provider }) => (
        <>
          {provider && <Copyable label={t("settings.signIn.redirectUri")} text={provider.redirectUri} />}
          <Form
            key={edited.key}
            fields={fields(provider)}
            initial={provider ? valuesOf(provider) : EMPTY}
            submit={t("settings.save")}
            reload={edited.reload}
            save={(values, overwrite) => store(values, provider, overwrite)}
          >
            {provider && (
              <Confirmed label={t("settings.remove")} question={t("settings.signIn.removeQuestion")} act={remove} />
            )}
          </Form>
        </>
      )}
    </Ready>
  );
}

function absent(failure: unknown): null {
  if (failure instanceof ProblemError && failure.status === 404) return null;
  throw failure;
}

function fields(provider: OidcProvider | null): FieldSpec[] {
  return [
    { name: "issuer", label: "settings.signIn.issuer", kind: "url", isRequired: true },
    { name: "clientId", label: "settings.signIn.clientId", isRequired: true },
    {
      name: "clientSecret",
      label: "settings.signIn.clientSecret",
      hint: provider?.hasClientSecret ? t("settings.signIn.clientSecretStored") : undefined,
    },
    {
      name: "emailDomains",
      label: "settings.signIn.emailDomains",
      hint: t("settings.signIn.emailDomainsHint"),
      kind: "lines",
    },
    { name: "groups", label: "settings.signIn.groups", hint: t("settings.signIn.groupsHint"), kind: "lines" },
    { name: "createsUsers", label: "settings.signIn.createsUsers", kind: "yes" },
    {
      name: "defaultRole",
      label: "settings.signIn.defaultRole",
      kind: "one",
      choices: ROLES.map((role) => ({ value: role, label: t(`settings.people.roles.${role}`) })),
    },
  ];
}

function valuesOf(provider: OidcProvider): Values {
  const { issuer, clientId, emailDomains, createsUsers, defaultRole } = provider;
  const groups = Object.entries(provider.groups).map(([group, { role }]) => `${group} = ${role ?? ""}`);
  return { issuer, clientId, clientSecret: "", emailDomains, groups, createsUsers, defaultRole };
}

// What the form does not show is kept as it is: scopes, the claim, and the teams of a group.
function bodyOf({ clientSecret, groups, ...values }: Values, provider: OidcProvider | null): NewOidcProvider {
  const { scopes, groupsClaim } = provider ?? {};
  return {
    ...values,
    ...(scopes && { scopes }),
    ...(groupsClaim && { groupsClaim }),
    ...(clientSecret && { clientSecret }),
    groups: Object.fromEntries(groups.map((line) => groupOf(line, provider))),
  };
}

function groupOf(
  line: string,
  provider: OidcProvider | null,
): [string, { role?: Values["defaultRole"]; teamIds: string[] }] {
  const [group = "", role = ""] = line.split("=").map((part) => part.trim());
  const teamIds = provider?.groups[group]?.teamIds ?? [];
  return [group, role ? { role: role as Values["defaultRole"], teamIds } : { teamIds }];
}

function Sessions() {
  const rest = useRest();
  const users = useLoaded("users", (rest) => all(rest.allUsers()));
  const pages = usePages("sessions", (rest, page) => rest.listSessions(page));
  const names = new Map(users.value?.map((user) => [user.id, user.name]));
  const revoke = async (session: Session) => {
    await rest.revokeSession(session.id);
    await pages.reload();
  };
  return (
    <Rows of={pages} none={t("settings.signIn.noSessions")}>
      {(session) => (
        <li class="settings-row" key={session.id}>
          <div class="row-what">
            <strong>{names.get(session.userId) ?? session.userId}</strong>
            <small>
              {session.userAgent} · {session.network}
            </small>
            <small>{t("settings.signIn.lastUsed", { time: fullTime(session.lastUsedAt) })}</small>
          </div>
          <Tag>{t(`settings.signIn.by.${session.signedInBy}`)}</Tag>
          <Confirmed
            label={t("settings.signIn.end")}
            question={t("settings.signIn.endQuestion")}
            act={() => revoke(session)}
          />
        </li>
      )}
    </Rows>
  );
}
