// An independent OpenID Connect provider for the tests: oidc-provider with its own sign-in pages.
//
// argv: the folder of Node packages, the issuer, and JSON with the client, the accounts and where their claims go.
// Prints one line of JSON when it listens: its port, and its keys, with which the tests forge.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [packages, issuer, settings] = process.argv.slice(2);
const { client, accounts, claimsInIdToken } = JSON.parse(settings);
const entry = createRequire(`${packages}/`).resolve('oidc-provider');
const { Provider } = await import(pathToFileURL(entry));

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const foreign = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const jwk = (key, kid) => ({ ...key.export({ format: 'jwk' }), kid, use: 'sig' });

const provider = new Provider(issuer, {
  clients: [client],
  clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
  claims: { openid: ['sub'], medicare: ['mbi', 'hicn'] },
  conformIdTokenClaims: !claimsInIdToken,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...accounts[id] }) }),
  jwks: { keys: [jwk(rsa, 'rsa'), jwk(ec, 'ec')] },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256'] },
  features: { revocation: { enabled: true } },
  cookies: { keys: ['for the test'] },
  pkce: { required: () => true },
});
const server = provider.listen(0, '127.0.0.1', () => {
  const der = (key, type) => key.export({ type, format: 'der' }).toString('base64');
  console.log(JSON.stringify({
    port: server.address().port,
    rsa: der(rsa, 'pkcs1'),
    foreign: der(foreign, 'pkcs1'),
    publicKey: createPublicKey(rsa).export({ type: 'spki', format: 'pem' }),
  }));
});
// It ends with the test that started it.
process.stdin.on('end', () => process.exit()).resume();
