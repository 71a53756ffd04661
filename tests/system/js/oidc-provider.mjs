// A real OpenID Connect provider on a port of this machine. Its users and keys are changed by POST /test with JSON:
// {users: {subject: claims}}, {rotate: true} for a new key, {userInfo: true} for ID tokens without other claims.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import Provider from "oidc-provider";

const SCOPES = "openid email profile groups";
const { CLIENT_ID, CLIENT_SECRET, REDIRECT_URI } = process.env;
let users = {};
let handle;

function newKey() {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), alg: "ES256", use: "sig" };
}

function start(issuer, userInfo = false) {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [REDIRECT_URI],
        id_token_signed_response_alg: "ES256",
      },
    ],
    claims: { email: ["email", "email_verified"], profile: ["name"], groups: ["groups"] },
    scopes: SCOPES.split(" "),
    conformIdTokenClaims: userInfo,
    cookies: { keys: [randomUUID()] },
    jwks: { keys: [newKey()] },
    pkce: { required: () => true },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId, ...users[accountId] }) }),
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope(SCOPES); // without asking the user
      await grant.save();
      return grant;
    },
    ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 60, IdToken: 60, Interaction: 60, Session: 60 },
  });
  handle = provider.callback();
}

const server = createServer(async (request, response) => {
  if (request.url !== "/test") return handle(request, response);
  const wanted = JSON.parse(await text(request));
  users = wanted.users ?? users;
  if (wanted.rotate || "userInfo" in wanted) start(issuer, wanted.userInfo);
  response.end("{}");
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const issuer = `http://127.0.0.1:${server.address().port}`;
start(issuer);
console.log(`ISSUER ${issuer}`);
process.stdin.resume().on("end", () => process.exit());
