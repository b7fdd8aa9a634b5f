// A strict OpenID provider with four people: `node provider.mjs PORT CONSOLE GROUPS`. GROUPS is a JSON file (login → groups)
// that is read at each sign-in. Claims come from its userinfo page alone, as the standard says, and PKCE is asked for.
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const [port, console_, groups] = process.argv.slice(2);
const people = {
  sam: { name: "Sam Ortiz", email: "sam.ortiz@northwind.example" },
  vera: { name: "Vera <b>Audit</b>", email: "vera@elsewhere.example" },
  dana: { name: "Dana Reyes", email: "dana.reyes@northwind.example" },
};
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const provider = new Provider(`http://localhost:${port}`, {
  clients: [{
    client_id: "console", client_secret: "a secret, with + and %", id_token_signed_response_alg: "ES256",
    redirect_uris: [`${console_}/console/sign-in/back`], post_logout_redirect_uris: [`${console_}/console/sign-in/out`],
    backchannel_logout_uri: `${console_}/console/sign-in/ended`, backchannel_logout_session_required: true,
  }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"], groups: ["groups"] },
  scopes: ["openid", "email", "profile", "groups"],
  features: { devInteractions: { enabled: true }, backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "ES256" }, { ...rsa.export({ format: "jwk" }), use: "sig" }] },
  cookies: { keys: ["only in a test"] },
  fetch: (url, options) => globalThis.fetch(url, { ...options, dispatcher: undefined }), // it calls no loopback address else
  pkce: { required: () => true },
  findAccount: (_ctx, id) => people[id] && {
    accountId: id,
    claims: () => ({ sub: id, ...people[id], email_verified: true, groups: JSON.parse(readFileSync(groups, "utf8"))[id] ?? [] }),
  },
});
for (const name of ["server_error", "backchannel.error", "grant.error", "authorization.error"]) {
  provider.on(name, (_ctx, error) => process.stderr.write(`${name}: ${error.message} ${error.error_description ?? ""}\n`));
}
provider.listen(Number(port), "127.0.0.1");
