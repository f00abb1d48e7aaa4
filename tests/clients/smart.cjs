// SMART App Launch's own client for JavaScript, in its Node form. See clients.rs for what is said to whom.

const { createInterface } = require("node:readline");
const fhirclient = require("fhirclient");

async function main([baseUrl, clientId, clientSecret, redirectUri]) {
  const session = new Map();
  const storage = {
    get: async (key) => session.get(key),
    set: async (key, value) => session.set(key, value).get(key),
    unset: async (key) => session.delete(key),
  };
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const at = (url) => fhirclient({ url, headers: { host: new URL(redirectUri).host }, socket: {} }, {}, storage);

  console.log(await at("/").authorize({
    clientId,
    clientSecret,
    redirectUri,
    scope: "launch/patient openid profile patient/Patient.read patient/Coverage.read patient/ExplanationOfBenefit.read",
    iss: `${baseUrl}/v2/fhir`,
    pkceMode: "required",
    noRedirect: true,
  }));
  const callback = new URL((await lines.next()).value);

  const client = await at(callback.pathname + callback.search).ready({ clientSecret });
  const status = async (path) => (await client.request({ url: path, includeResponse: true })).response.status;
  const pages = await client.request("ExplanationOfBenefit?_count=10", { pageLimit: 0 });
  console.log(JSON.stringify({
    patient: client.patient.id,
    status: {
      userinfo: await status(`${baseUrl}/v2/connect/userinfo`),
      Patient: await status(`Patient/${client.patient.id}`),
      Coverage: await status("Coverage"),
      ExplanationOfBenefit: await status("ExplanationOfBenefit"),
    },
    total: pages[0].total,
    claims: pages.reduce((sum, page) => sum + page.entry.length, 0),
    access_token: client.state.tokenResponse.access_token,
    secrets: [client.state.codeVerifier, client.state.tokenResponse.access_token, client.state.tokenResponse.refresh_token],
  }));

  await lines.next();
  console.log(await status("Coverage").catch((error) => error.status ?? error.statusCode ?? String(error)));
  process.exit();
}

main(process.argv.slice(2));
