// Articles and canned replies, from which the AI drafts its replies.

import type {
  Article,
  CallOptions,
  CannedReply,
  Imported,
  ImportedArticle,
  NewArticle,
  RestClient,
} from "@hummdesk/client/rest";
import { languageName, t } from "@hummdesk/texts";
import { MessageContent } from "../components/message-content";
import { PageLink } from "../components/page-link";
import { fullTime } from "../format";
import { type Section, settingsPath } from "../settings-sections";
import { conversationPath } from "../state/address";
import { useStore } from "../state/context";
import { Transfer } from "./article-transfer";
import { useRest } from "./context";
import { useEdited } from "./editing";
import { type FieldSpec, Form } from "./form";
import { useLoaded, usePages } from "./loading";
import { Confirmed, NewLink, Page, Ready, RowLink, Rows, Tag } from "./parts";

const LANGUAGES = ["en", "de", "fr", "es", "it", "nl", "pt", "pl"];

// The routes of a kind of article. A canned reply is an article without questions.
export interface Kind {
  name: "article" | "cannedReply";
  section: Section;
  list: (rest: RestClient, page: { cursor?: string }) => Promise<{ rows: Text[]; nextCursor?: string }>;
  every: (rest: RestClient) => AsyncIterable<Text>;
  get: (rest: RestClient, id: string) => Promise<Text>;
  create: (rest: RestClient, values: NewArticle) => Promise<Text>;
  update: (rest: RestClient, id: string, values: NewArticle, options: CallOptions) => Promise<Text>;
  remove: (rest: RestClient, id: string) => Promise<void>;
  importAll: (rest: RestClient, rows: ImportedArticle[]) => Promise<Imported>;
}

export type Text = CannedReply & Partial<Pick<Article, "questions">>;

const ARTICLES: Kind = {
  name: "article",
  section: "knowledge",
  list: async (rest, page) => {
    const { articles, ...more } = await rest.listArticles(page);
    return { rows: articles, ...more };
  },
  every: (rest) => rest.allArticles(),
  get: (rest, id) => rest.getArticle(id),
  create: (rest, values) => rest.createArticle(values),
  update: (rest, id, values, options) => rest.updateArticle(id, values, options),
  remove: (rest, id) => rest.deleteArticle(id),
  importAll: (rest, articles) => rest.importArticles({ articles }),
};

const CANNED_REPLIES: Kind = {
  name: "cannedReply",
  section: "canned-replies",
  list: async (rest, page) => {
    const { cannedReplies, ...more } = await rest.listCannedReplies(page);
    return { rows: cannedReplies, ...more };
  },
  every: (rest) => rest.allCannedReplies(),
  get: (rest, id) => rest.getCannedReply(id),
  create: (rest, values) => rest.createCannedReply(withoutQuestions(values)),
  update: (rest, id, values, options) => rest.updateCannedReply(id, withoutQuestions(values), options),
  remove: (rest, id) => rest.deleteCannedReply(id),
  importAll: (rest, rows) => rest.importCannedReplies({ cannedReplies: rows.map(withoutQuestions) }),
};

function withoutQuestions<T extends NewArticle>({ questions: _, ...values }: T): Omit<T, "questions"> {
  return values;
}

export function Articles({ rest: [id] }: { rest: string[] }) {
  return <Knowledge kind={ARTICLES} id={id} />;
}

export function CannedReplies({ rest: [id] }: { rest: string[] }) {
  return <Knowledge kind={CANNED_REPLIES} id={id} />;
}

function Knowledge({ kind, id }: { kind: Kind; id: string | undefined }) {
  if (id === "new") return <NewArticlePage kind={kind} />;
  return id ? <OneArticle kind={kind} id={id} /> : <AllArticles kind={kind} />;
}

function AllArticles({ kind }: { kind: Kind }) {
  const pages = usePages("rows", (rest, page) => kind.list(rest, page), kind.name);
  return (
    <Page
      title={t(`console.settings.${kind.section}`)}
      lead={t(`settings.${kind.name}.lead`)}
      actions={<NewLink section={kind.section}>{t(`settings.${kind.name}.create`)}</NewLink>}
    >
      <Transfer kind={kind} done={pages.reload} />
      <Rows of={pages} none={t(`settings.${kind.name}.none`)}>
        {(one) => (
          <RowLink
            key={one.id}
            href={settingsPath(kind.section, one.id)}
            title={one.title}
            detail={one.body.slice(0, 140)}
          >
            {one.language && <Tag>{languageName(one.language)}</Tag>}
          </RowLink>
        )}
      </Rows>
    </Page>
  );
}

// A language can be changed, but not removed.
function fields(kind: Kind, language = ""): FieldSpec[] {
  const any = language ? [] : [{ value: "", label: t("settings.article.anyLanguage") }];
  const languages = LANGUAGES.map((code) => ({ value: code, label: languageName(code) }));
  const questions: FieldSpec = {
    name: "questions",
    label: "settings.article.questions",
    hint: t("settings.article.questionsHint"),
    kind: "lines",
  };
  return [
    { name: "title", label: "settings.article.title", isRequired: true, longest: 200 },
    { name: "body", label: "settings.article.body", kind: "long", isRequired: true },
    ...(kind.name === "article" ? [questions] : []),
    {
      name: "language",
      label: "settings.article.language",
      kind: "one",
      choices: [...any, ...languages],
    },
  ];
}

// A language that is not chosen is not part of the request.
function toSend({ language, ...values }: NewArticle): NewArticle {
  return language ? { ...values, language } : values;
}

function preview({ body }: { body?: string }) {
  return (
    <section class="preview" aria-label={t("settings.article.preview")}>
      <h2 class="overline">{t("settings.article.preview")}</h2>
      <div class="content">
        <MessageContent message={{ content: body ?? "", contentType: "text" }} />
      </div>
    </section>
  );
}

function NewArticlePage({ kind }: { kind: Kind }) {
  const rest = useRest();
  const store = useStore();
  const create = async (values: NewArticle) => {
    const made = await kind.create(rest, toSend(values));
    store.go(settingsPath(kind.section, made.id));
  };
  return (
    <Page title={t(`settings.${kind.name}.create`)} back={settingsPath(kind.section)}>
      <Form
        fields={fields(kind)}
        initial={{ title: "", body: "", questions: [], language: "" } as NewArticle}
        submit={t("settings.save")}
        save={create}
        preview={preview}
      />
    </Page>
  );
}

function OneArticle({ kind, id }: { kind: Kind; id: string }) {
  const rest = useRest();
  const store = useStore();
  const edited = useEdited(`${kind.name} ${id}`, (rest) => kind.get(rest, id));
  const remove = async () => {
    await kind.remove(rest, id);
    store.go(settingsPath(kind.section));
  };
  return (
    <Page title={edited.value?.title ?? t(`settings.${kind.name}.one`)} back={settingsPath(kind.section)}>
      <Ready of={edited}>
        {({ title, body, questions = [], language = "" }) => (
          <Form
            key={edited.key}
            fields={fields(kind, language)}
            initial={{ title, body, questions, language } as NewArticle}
            submit={t("settings.save")}
            reload={edited.reload}
            save={(values, overwrite) =>
              edited.save((rest, options) => kind.update(rest, id, toSend(values), options), overwrite)
            }
            preview={preview}
          >
            <Confirmed label={t("settings.remove")} question={t("settings.article.removeQuestion")} act={remove} />
          </Form>
        )}
      </Ready>
      {kind.name === "article" && <Drafts id={id} />}
    </Page>
  );
}

function Drafts({ id }: { id: string }) {
  const drafts = useLoaded(`drafts ${id}`, (rest) => rest.listArticleDrafts(id));
  return (
    <>
      <h2>{t("settings.article.drafts")}</h2>
      <Ready of={drafts}>
        {({ drafts }) =>
          drafts.length === 0 ? (
            <p class="settings-none">{t("settings.article.noDrafts")}</p>
          ) : (
            <ul class="plain settings-rows">
              {drafts.map((draft) => (
                <li key={draft.runId}>
                  <PageLink class="settings-row" href={conversationPath(draft.conversationId)}>
                    {t("settings.article.draftOf", { time: fullTime(draft.createdAt) })}
                  </PageLink>
                </li>
              ))}
            </ul>
          )
        }
      </Ready>
    </>
  );
}
