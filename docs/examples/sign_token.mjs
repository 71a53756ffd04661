// Sign a token with a key of the account, without any package.
import { createHmac } from "node:crypto";

const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");

function sign(user) {
  const now = Math.floor(Date.now() / 1000);
  const header = { alg: "HS256", typ: "JWT", kid: process.env.KID };
  const content = `${encode(header)}.${encode({ ...user, iat: now, exp: now + 3600 })}`;
  return `${content}.${createHmac("sha256", process.env.SECRET).update(content).digest("base64url")}`;
}

const { userId, accountId, email, role } = process.env;
console.log(sign({ userId, accountId, email, role }));
