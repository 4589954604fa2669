// The upstream: a provider at which whoever comes signs in as alice.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [callback] = process.argv.slice(2);
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'farrier', client_secret: 'upstream-secret', redirect_uris: [callback],
      response_types: ['code'], grant_types: ['authorization_code'],
    }],
    pkce: { required: () => true },
    acrValues: ['gold'],
    features: { devInteractions: { enabled: false }, claimsParameter: { enabled: true } },
    claims: { openid: ['sub'], acr: null, amr: null, auth_time: null },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    cookies: { keys: ['a key of this test'] },
  });
  const answer = provider.callback();
  server.on('request', async (req, res) => {
    if (!req.url.startsWith('/interaction/')) return answer(req, res);
    const { params, session } = await provider.interactionDetails(req, res);
    const grant = new provider.Grant({ accountId: 'alice', clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    await provider.interactionFinished(req, res, {
      login: { accountId: session?.accountId ?? 'alice', acr: 'gold', amr: ['pwd', 'otp'] },
      consent: { grantId: await grant.save() },
    }, { mergeWithLastSubmission: true });
  });
  console.log(`issuer ${issuer}`);
});
