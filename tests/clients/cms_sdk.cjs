// CMS's Node SDK, unchanged. See clients.rs for what is said to whom.

const { createInterface } = require("node:readline");
const { BlueButton } = require("cms-bluebutton-sdk");

async function main([baseUrl, clientId, clientSecret, callbackUrl]) {
  const client = new BlueButton({ environment: "LOCAL", clientId, clientSecret, callbackUrl, version: "2" });
  client.baseUrl = baseUrl;
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

  const authData = client.generateAuthData();
  console.log(client.generateAuthorizeUrl(authData));
  const answer = new URL((await lines.next()).value).searchParams;

  const first = await client.getAuthorizationToken(authData, answer.get("code"), answer.get("state"));
  const token = await client.refreshAuthToken(first);
  const config = { params: { _count: 10 } };
  const claims = (await client.getExplanationOfBenefitData(token, config)).response;
  const { pages } = await client.getPages(claims.data, token);
  const status = async (call) => (await call).response.status;
  console.log(JSON.stringify({
    patient: first.patient,
    status: {
      userinfo: await status(client.getProfileData(token)),
      Patient: await status(client.getPatientData(token)),
      Coverage: await status(client.getCoverageData(token)),
      ExplanationOfBenefit: claims.status,
    },
    total: claims.data.total,
    claims: pages.reduce((sum, page) => sum + page.entry.length, 0),
    is_refreshed: token.accessToken !== first.accessToken,
    access_token: token.accessToken,
    secrets: [authData.verifier, ...[first, token].flatMap((given) => [given.accessToken, given.refreshToken])],
  }));

  await lines.next();
  console.log(await status(client.getPatientData(token)));
  process.exit();
}

main(process.argv.slice(2));
