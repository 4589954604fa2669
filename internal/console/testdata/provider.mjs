// An identity provider at which whoever comes signs in as alice, of two groups.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [base] = process.argv.slice(2);
const server = createServer();
server.listen(0, 'localhost', () => {
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'farrier', client_secret: 'a secret of this test', redirect_uris: [`${base}/sso/corp/callback`],
      post_logout_redirect_uris: [`${base}/login`], response_types: ['code'], grant_types: ['authorization_code'],
      backchannel_logout_uri: `${base}/sso/corp/backchannel`, backchannel_logout_session_required: true,
    }],
    pkce: { required: () => true },
    scopes: ['openid', 'profile', 'email', 'groups'],
    features: {
      devInteractions: { enabled: false }, claimsParameter: { enabled: true },
      backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true },
    },
    claims: {
      openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'], groups: ['groups'],
      acr: null, amr: null, auth_time: null, sid: null,
    },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id, name: 'Alice Adams', preferred_username: 'alice.adams', email: 'alice@corp.example', email_verified: true,
        groups: ['everyone', 'gateway-admins'],
      }),
    }),
    // It may call the loopback, which it would not by itself.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
    cookies: { keys: ['a key of this test'] },
  });
  provider.on('backchannel.error', (_, error) => console.error('back channel:', error.message, error.cause));
  const answer = provider.callback();
  server.on('request', async (req, res) => {
    if (!req.url.startsWith('/interaction/')) return answer(req, res);
    const { params } = await provider.interactionDetails(req, res);
    const grant = new provider.Grant({ accountId: 'alice', clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    grant.addOIDCClaims(['auth_time', 'acr', 'amr']);
    await provider.interactionFinished(req, res, {
      login: { accountId: 'alice', amr: ['pwd', 'otp'] },
      consent: { grantId: await grant.save() },
    }, { mergeWithLastSubmission: true });
  });
  console.log(`issuer ${issuer}`);
});
