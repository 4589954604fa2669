// A relying party of others: it does all that a client does, and says what came.
import * as client from 'openid-client';

const [issuer, redirect] = process.argv.slice(2);
const insecure = { execute: [client.allowInsecureRequests] };
const say = (what) => console.log(what);
const check = (condition, what) => { if (!condition) throw new Error(what); say(`ok ${what}`); };

// browser follows redirects and keeps cookies by host, as far as stop.
const jar = {};
async function browser(url, stop, init = {}) {
  for (let hops = 0; hops < 20; hops++) {
    const at = new URL(url);
    if (stop && url.startsWith(stop)) return { url };
    const cookies = jar[at.host] ??= {};
    const res = await fetch(url, {
      ...init, redirect: 'manual',
      headers: { ...init.headers, cookie: Object.entries(cookies).map(([k, v]) => `${k}=${v}`).join('; ') },
    });
    for (const line of res.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      cookies[name] = value;
    }
    const next = res.headers.get('location');
    if (!next) return { url, page: await res.text(), status: res.status };
    url = new URL(next, url).href;
    init = {};
  }
  throw new Error('too many redirects');
}

for (const [method, auth] of [['basic', client.ClientSecretBasic('robot-secret')], ['post', client.ClientSecretPost('robot-secret')]]) {
  const robot = await client.discovery(new URL(issuer), 'robot', undefined, auth, insecure);
  const own = await client.clientCredentialsGrant(robot, { scope: 'read', resource: 'https://api.example.com/orders' });
  check(own.token_type === 'bearer' && own.scope === 'read', `client credentials by ${method}`);
}
const api = await client.discovery(new URL(issuer), 'api', undefined, client.ClientSecretBasic('api-secret'), insecure);

for (const [id, auth, algorithm, scope] of [
  ['shop', client.ClientSecretBasic('shop-secret'), 'oauth2', 'openid read'],
  ['phone', client.None(), 'oauth2', 'read'],
]) {
  const config = await client.discovery(new URL(issuer), id, undefined, auth, { ...insecure, algorithm });
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const nonce = client.randomNonce();
  const asked = {
    redirect_uri: redirect, scope, state, code_challenge_method: 'S256',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    ...(scope.includes('openid') ? { nonce } : {}),
  };
  let at = await browser(client.buildAuthorizationUrl(config, asked).href, redirect);
  check(at.page?.includes('Allow'), `${id}: the consent page, after signing in upstream`);
  const [, request] = /name="request" value="([^"]+)"/.exec(at.page);
  at = await browser(`${issuer}/consent`, redirect, {
    method: 'POST', body: new URLSearchParams({ request, answer: 'allow' }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  check(new URL(at.url).searchParams.get('iss') === issuer, `${id}: the response names the issuer`);
  const first = await client.authorizationCodeGrant(config, new URL(at.url), {
    pkceCodeVerifier: verifier, expectedState: state, ...(scope.includes('openid') ? { expectedNonce: nonce, idTokenExpected: true } : {}),
  });
  if (scope.includes('openid')) {
    const id = first.claims();
    check(id.sub === 'alice' && id.acr === 'gold' && id.amr.length === 2 && id.auth_time > 0, 'the ID token');
  }
  const seen = await client.tokenIntrospection(api, first.access_token);
  check(seen.active && seen.sub === 'alice' && seen.client_id === id, `${id}: introspection`);
  const second = await client.refreshTokenGrant(config, first.refresh_token);
  check(second.refresh_token !== first.refresh_token, `${id}: refresh rotates`);
  await client.tokenRevocation(config, second.refresh_token);
  check(!(await client.tokenIntrospection(api, second.access_token)).active, `${id}: revocation`);
  let error;
  await client.refreshTokenGrant(config, second.refresh_token).catch((e) => { error = e.error; });
  check(error === 'invalid_grant', `${id}: no refresh after revocation`);
}
say('done');
