// openid-client, which keeps to the letter of the RFCs. See clients.rs for what is said to whom.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

// Modules of this kind are not looked up in NODE_PATH.
const found = createRequire(import.meta.url).resolve("openid-client");
const oidc = await import(pathToFileURL(found));

const [baseUrl, clientId, clientSecret, redirectUri] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const server = await oidc.discovery(
  new URL(baseUrl), clientId, undefined, oidc.ClientSecretBasic(clientSecret), { execute: [oidc.allowInsecureRequests] },
);
const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
const expectedState = oidc.randomState();
console.log(oidc.buildAuthorizationUrl(server, {
  redirect_uri: redirectUri,
  state: expectedState,
  code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: "S256",
}).href);
const callback = new URL((await lines.next()).value);

const first = await oidc.authorizationCodeGrant(server, callback, { pkceCodeVerifier, expectedState });
const tokens = await oidc.refreshTokenGrant(server, first.refresh_token);
const get = (url) => oidc.fetchProtectedResource(server, tokens.access_token, new URL(url, `${baseUrl}/v2/fhir/`), "GET");
const pages = [];
for (let url = "ExplanationOfBenefit?_count=10"; url;) {
  pages.push(await (await get(url)).json());
  url = pages.at(-1).link.find(({ relation }) => relation === "next")?.url;
}
const status = async (url) => (await get(url)).status;
console.log(JSON.stringify({
  patient: first.patient,
  status: {
    userinfo: await status(server.serverMetadata().userinfo_endpoint),
    Patient: await status("Patient"),
    Coverage: await status("Coverage"),
    ExplanationOfBenefit: await status("ExplanationOfBenefit"),
  },
  total: pages[0].total,
  claims: pages.reduce((sum, page) => sum + page.entry.length, 0),
  is_refreshed: tokens.access_token !== first.access_token,
  access_token: tokens.access_token,
  secrets: [pkceCodeVerifier, ...[first, tokens].flatMap((given) => [given.access_token, given.refresh_token])],
}));

await lines.next();
// It throws what the WWW-Authenticate header of the answer says.
console.log(await status("Patient").catch((error) => error.status ?? error.cause?.status ?? String(error)));
process.exit();
