// token.mjs: tokens of another service, for servers whose accounts are not their own.
import { createHash, createHmac } from "node:crypto";

export const JWT_SECRET = "a secret of the tests, long enough for HS256";

// What another service would sign, for so many seconds.  Names in "role:name" are roles of the database.
export function makeToken(as, seconds = 3600) {
  const hex = createHash("sha256").update(as).digest("hex");
  const sub = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const role = as.startsWith("role:") ? as.slice(5) : "authenticated";
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ role, sub, exp: Math.floor(Date.now() / 1000) + seconds })}`;
  return `${text}.${createHmac("sha256", JWT_SECRET).update(text).digest("base64url")}`;
}
